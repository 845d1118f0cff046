#include "drivers/process/spawn.h"

#include <cerrno>
#include <optional>
#include <string_view>

#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/file/fd.h"

namespace moln {
namespace {

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
    SpawnStreams streams;
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
    const int in = p.streams.in >= 0 ? p.streams.in : open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (p.streams.controls_terminal) ioctl(in, TIOCSCTTY, 0);
    dup2(in, STDIN_FILENO);
    dup2(p.streams.out, STDOUT_FILENO);
    dup2(p.streams.err >= 0 ? p.streams.err : p.streams.out, STDERR_FILENO);
    // Libraries open descriptors without O_CLOEXEC: a program that outlives us must not hold our
    // listening sockets, or clients would wait in a queue that nobody serves.
    close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
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

}  // namespace

void kill_session(pid_t pid) {
    ::kill(-pid, SIGKILL);
    ::kill(pid, SIGKILL);
}

Result<pid_t> spawn(const ChildSpec& spec, const SpawnStreams& streams) {
    if (spec.argv.empty()) return fail(ErrorCode::invalid, "no program given to run");
    auto program = find_program(spec.argv[0]);
    if (!program) {
        return fail(ErrorCode::not_found,
                    spec.argv[0] + " is not installed: install the package that provides it");
    }
    MOLN_ASSIGN(Pipe failure, make_pipe());
    auto argv_texts = spec.argv;
    auto env_texts = spec.env;
    env_texts.push_back(std::string("PATH=") + k_path);
    const Prepared prepared{.spec = spec,
                            .program = std::move(*program),
                            .argv = pointers(argv_texts),
                            .env = pointers(env_texts),
                            .parent = getpid(),
                            .streams = streams,
                            .failure = failure.write_end.get()};
    const pid_t pid = fork();
    if (pid < 0) return fail(error_from_errno(errno, "start " + spec.argv[0]));
    if (pid == 0) run_in_child(prepared);
    failure.write_end.reset();
    ChildFailure failed;
    if (read(failure.read_end.get(), &failed, sizeof failed) == sizeof failed) {
        while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
        }
        return fail(failure_error(spec, failed));
    }
    return pid;
}

}  // namespace moln
