#include "drivers/process/child.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <string_view>

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "drivers/process/output_lines.h"
#include "drivers/process/spawn.h"
#include "io/file/fd.h"

namespace moln {
namespace {

constexpr std::size_t k_output_kept_bytes = 64 * 1024;
constexpr int k_poll_ms = 50;  // how late a cancellation may be noticed
using Clock = std::chrono::steady_clock;

int wait_for_exit(pid_t pid) {
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

// True once the child is a zombie; it stays one, so that its pid is not given to another yet.
bool has_ended(pid_t pid) {
    siginfo_t info{};
    return waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == pid;
}

enum class Ending { by_itself, time_limit, cancelled };

// Reads output until the program has ended and its pipe is drained. A grandchild that keeps the
// pipe open does not hold us: what it says after the program's end is not waited for.
Ending watch(const ChildSpec& spec, pid_t pid, int output, OutputLines& lines) {
    const auto deadline = Clock::now() + std::chrono::milliseconds(spec.time_limit.count);
    bool open = true;
    char buffer[16 * 1024];
    while (true) {
        if (spec.cancelled != nullptr && spec.cancelled->load()) return Ending::cancelled;
        if (Clock::now() >= deadline) return Ending::time_limit;
        const bool ended = has_ended(pid);
        pollfd ready{open ? output : -1, POLLIN, 0};
        const int wait_ms = ended ? 0 : (open ? k_poll_ms : 1);
        const int found = poll(&ready, 1, wait_ms);
        if (found > 0) {
            const ssize_t count = read(output, buffer, sizeof buffer);
            if (count > 0) {
                lines.add(std::string_view(buffer, static_cast<std::size_t>(count)));
            } else if (count == 0 || (errno != EINTR && errno != EAGAIN)) {
                open = false;
            }
        } else if (ended) {
            return Ending::by_itself;
        }
        if (ended && !open) return Ending::by_itself;
    }
}

std::string last_lines(const std::string& output) {
    constexpr std::size_t k_lines = 5;
    std::string_view text = output;
    while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
    std::size_t at = text.size();
    for (std::size_t i = 0; i < k_lines && at != std::string_view::npos && at > 0; ++i) {
        at = text.rfind('\n', at - 1);
    }
    return std::string(at == std::string_view::npos || at == 0 ? text : text.substr(at + 1));
}

}  // namespace

Result<ChildResult> run_child(const ChildSpec& spec) {
    MOLN_ASSIGN(Pipe output, make_pipe());
    MOLN_ASSIGN(const pid_t pid, spawn(spec, {.in = -1, .out = output.write_end.get()}));
    output.write_end.reset();
    OutputLines lines(spec.line, k_output_kept_bytes);
    const Ending ending = watch(spec, pid, output.read_end.get(), lines);
    if (ending != Ending::by_itself) kill_session(pid);
    const int exit_code = wait_for_exit(pid);
    lines.finish();
    if (ending == Ending::cancelled) return fail(ErrorCode::refused, "cancelled");
    if (ending == Ending::time_limit) {
        return fail(ErrorCode::timeout, fmt::format("{} did not end within {} ms and was killed",
                                                    spec.argv[0], spec.time_limit.count));
    }
    return ChildResult{exit_code, lines.kept()};
}

Result<std::string> run_child_ok(const ChildSpec& spec) {
    MOLN_ASSIGN(auto result, run_child(spec));
    if (result.exit_code != 0) {
        return fail(ErrorCode::internal, fmt::format("{} ended with {}: {}", spec.argv[0],
                                                     result.exit_code, last_lines(result.output)));
    }
    return std::move(result.output);
}

}  // namespace moln
