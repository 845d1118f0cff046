#include "drivers/process/child.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <optional>
#include <string_view>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "drivers/process/fd.h"
#include "drivers/process/output_lines.h"

namespace moln {
namespace {

constexpr std::size_t k_output_kept_bytes = 64 * 1024;
constexpr int k_poll_ms = 50;  // how late a cancellation may be noticed
constexpr const char* k_path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

// Where in the child something failed, told to the parent over a close-on-exec pipe.
enum class Step : int { namespaces, directory, before_exec, exec };

struct ChildFailure {
    Step step = Step::exec;
    int saved_errno = 0;
};

std::optional<std::string> find_program(const std::string& name) {
    if (name.find('/') != std::string::npos) {
        if (access(name.c_str(), X_OK) == 0) return name;
        return std::nullopt;
    }
    std::string_view rest = k_path;
    while (!rest.empty()) {
        const auto colon = rest.find(':');
        std::string candidate = std::string(rest.substr(0, colon)) + "/" + name;
        if (access(candidate.c_str(), X_OK) == 0) return candidate;
        if (colon == std::string_view::npos) break;
        rest.remove_prefix(colon + 1);
    }
    return std::nullopt;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> out;
    for (auto& text : texts) out.push_back(text.data());
    out.push_back(nullptr);
    return out;
}

void reset_signals() {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    struct sigaction standard{};
    standard.sa_handler = SIG_DFL;
    for (int number = 1; number < NSIG; ++number) sigaction(number, &standard, nullptr);
}

struct Prepared {
    const ChildSpec& spec;
    std::string program;
    std::vector<char*> argv;
    std::vector<char*> env;
    pid_t parent;
    int output;
    int failure;
};

[[noreturn]] void give_up(int fd, Step step, int saved_errno) {
    const ChildFailure failure{step, saved_errno};
    // Nobody can be told if this write fails; the exit code still says that it went wrong.
    (void)!write(fd, &failure, sizeof failure);
    _exit(127);
}

// Between fork and exec: only async-signal-safe calls, other threads may have held any lock.
[[noreturn]] void run_in_child(const Prepared& p) {
    setsid();
    reset_signals();
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != p.parent) _exit(127);  // died before the line above took hold
    const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    dup2(null, STDIN_FILENO);
    dup2(p.output, STDOUT_FILENO);
    dup2(p.output, STDERR_FILENO);
    if (p.spec.new_mount_namespace) {
        if (unshare(CLONE_NEWNS) != 0 ||
            mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
            give_up(p.failure, Step::namespaces, errno);
        }
    }
    if (chdir(p.spec.directory.c_str()) != 0) give_up(p.failure, Step::directory, errno);
    if (p.spec.before_exec) {
        errno = 0;
        if (!p.spec.before_exec()) give_up(p.failure, Step::before_exec, errno);
    }
    execve(p.program.c_str(), p.argv.data(), p.env.data());
    give_up(p.failure, Step::exec, errno);
}

Error failure_error(const ChildSpec& spec, const ChildFailure& failure) {
    switch (failure.step) {
        case Step::namespaces:
            return error_from_errno(failure.saved_errno,
                                    spec.argv[0] + ": no mount namespace of its own");
        case Step::directory:
            return error_from_errno(failure.saved_errno, "enter " + spec.directory);
        case Step::before_exec:
            return error_from_errno(failure.saved_errno, "prepare to run " + spec.argv[0]);
        case Step::exec: break;
    }
    return error_from_errno(failure.saved_errno, "run " + spec.argv[0]);
}

using Clock = std::chrono::steady_clock;

// Kills what the child may have started too: it leads a session and process group of its own.
void kill_session(pid_t pid) {
    ::kill(-pid, SIGKILL);
    ::kill(pid, SIGKILL);
}

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
    if (spec.argv.empty()) return fail(ErrorCode::invalid, "no program given to run");
    auto program = find_program(spec.argv[0]);
    if (!program) {
        return fail(ErrorCode::not_found,
                    spec.argv[0] + " is not installed: install the package that provides it");
    }
    MOLN_ASSIGN(Pipe output, make_pipe());
    MOLN_ASSIGN(Pipe failure, make_pipe());
    auto argv_texts = spec.argv;
    auto env_texts = spec.env;
    env_texts.push_back(std::string("PATH=") + k_path);
    const Prepared prepared{
        spec,     std::move(*program),    pointers(argv_texts),   pointers(env_texts),
        getpid(), output.write_end.get(), failure.write_end.get()};
    const pid_t pid = fork();
    if (pid < 0) return fail(error_from_errno(errno, "start " + spec.argv[0]));
    if (pid == 0) run_in_child(prepared);
    output.write_end.reset();
    failure.write_end.reset();

    ChildFailure failed;
    if (read(failure.read_end.get(), &failed, sizeof failed) == sizeof failed) {
        wait_for_exit(pid);
        return fail(failure_error(spec, failed));
    }
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
