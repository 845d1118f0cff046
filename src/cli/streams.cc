#include "cli/streams.h"

#include <cerrno>
#include <cstdio>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

namespace moln::cli {
namespace {

int g_output_errno = 0;  // of the first that failed

}  // namespace

void hold_standard_streams() {
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
        if (::fcntl(fd, F_GETFD) >= 0) continue;
        // The lowest number that is free is this one.
        (void)::open("/dev/null", fd == STDERR_FILENO ? O_WRONLY : O_RDONLY);
    }
}

void say(std::string_view text) {
    (void)std::fwrite(text.data(), 1, text.size(), stderr);
    (void)std::fflush(stderr);
}

void put(std::string_view text) {
    errno = 0;
    const bool taken =
        std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
    if (!taken && g_output_errno == 0) g_output_errno = errno == 0 ? EIO : errno;
}

bool output_has_reader() {
    pollfd output{STDOUT_FILENO, 0, 0};
    return ::poll(&output, 1, 0) <= 0 || (output.revents & (POLLERR | POLLHUP)) == 0;
}

Status output_status() {
    if (g_output_errno == 0) return {};
    auto error = error_from_errno(g_output_errno, "standard output");
    if (g_output_errno == EPIPE) error.code = ErrorCode::unavailable;
    return fail(std::move(error));
}

}  // namespace moln::cli
