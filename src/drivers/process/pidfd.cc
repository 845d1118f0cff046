#include "drivers/process/pidfd.h"

#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "io/file/files.h"

namespace moln {

Result<Fd> open_process(pid_t pid) {
    Fd fd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
    if (!fd.valid()) return fail(error_from_errno(errno, "process " + std::to_string(pid)));
    return fd;
}

Status send_signal(const Fd& process, int signal) {
    if (syscall(SYS_pidfd_send_signal, process.get(), signal, nullptr, 0) != 0 && errno != ESRCH) {
        return fail(error_from_errno(errno, "send signal " + std::to_string(signal)));
    }
    return {};
}

bool wait_for_end(const Fd& process, Milliseconds limit) {
    pollfd ready{process.get(), POLLIN, 0};
    int found = 0;
    do {
        found = poll(&ready, 1, static_cast<int>(limit.count));
    } while (found < 0 && errno == EINTR);
    return found > 0;
}

bool wait_until_heard(pid_t pid, int signal, Milliseconds limit) {
    constexpr std::int64_t k_poll_ms = 2;
    const auto bit = std::uint64_t{1} << (signal - 1);
    for (std::int64_t waited = 0; waited <= limit.count; waited += k_poll_ms) {
        // SigBlk and SigCgt are sets of signals in hexadecimal, see proc_pid_status(5).
        const auto status = read_file("/proc/" + std::to_string(pid) + "/status");
        if (!status) return false;
        for (const auto* field : {"SigBlk:\t", "SigCgt:\t"}) {
            const auto at = status->find(field);
            if (at == std::string::npos) continue;
            if ((std::strtoull(status->c_str() + at + 8, nullptr, 16) & bit) != 0) return true;
        }
        poll(nullptr, 0, static_cast<int>(k_poll_ms));
    }
    return false;
}

int signal_number(const std::string& name) {
    std::string_view word = name;
    if (word.starts_with("SIG")) word.remove_prefix(3);
    constexpr std::string_view k_real_time = "RTMIN+";
    if (word.starts_with(k_real_time)) {
        word.remove_prefix(k_real_time.size());
        int offset = -1;
        const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), offset);
        const bool whole = error == std::errc{} && end == word.data() + word.size();
        return whole && offset >= 0 && SIGRTMIN + offset <= SIGRTMAX ? SIGRTMIN + offset : 0;
    }
    for (int number = 1; number < NSIG; ++number) {
        const char* abbreviation = sigabbrev_np(number);
        if (abbreviation != nullptr && word == abbreviation) return number;
    }
    return 0;
}

}  // namespace moln
