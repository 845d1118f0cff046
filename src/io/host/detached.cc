#include "io/host/detached.h"

#include <array>
#include <cerrno>

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

namespace moln {
namespace {

// What the new process says through the pipe: first its pid, then, only if it failed, errno.
struct Word {
    pid_t pid = 0;
    int failed_errno = 0;
};

constexpr int k_lock_fd = 3;
constexpr int k_report_fd = 4;
constexpr int k_first_free_fd = 5;

// From here to exec only async-signal-safe calls: other threads of the daemon may have held any
// lock, the allocator's too, when it forked.

[[noreturn]] void give_up(Word word) {
    word.failed_errno = errno == 0 ? EINVAL : errno;
    // Let go before it is told: whoever hears of the failure may try again at once.
    (void)::flock(k_lock_fd, LOCK_UN);
    (void)!::write(k_report_fd, &word, sizeof word);
    ::_exit(127);
}

void write_pid(pid_t pid) {
    std::array<char, 16> text{};
    std::size_t begin = text.size();
    text[--begin] = '\n';
    for (pid_t rest = pid; rest > 0; rest /= 10) {
        text[--begin] = static_cast<char>('0' + rest % 10);
    }
    const auto size = text.size() - begin;
    if (::pwrite(k_lock_fd, &text[begin], size, 0) == static_cast<ssize_t>(size)) {
        (void)!::ftruncate(k_lock_fd, static_cast<off_t>(size));
    } else {
        // A full disk has no block for it, but a size needs none.
        (void)!::ftruncate(k_lock_fd, 0);
        (void)!::ftruncate(k_lock_fd, pid);
    }
}

struct ChildFds {
    int input, output, lock, report;  // all above k_first_free_fd, so that none hits another
};

[[noreturn]] void become(const ChildFds& fds, char* const* argv) {
    Word word{.pid = ::getpid()};
    if (::dup3(fds.report, k_report_fd, O_CLOEXEC) < 0) ::_exit(127);
    if (::dup2(fds.input, 0) < 0 || ::dup2(fds.output, 1) < 0 || ::dup2(fds.output, 2) < 0 ||
        ::dup2(fds.lock, k_lock_fd) < 0 || ::close_range(k_first_free_fd, ~0U, 0) != 0) {
        give_up(word);
    }
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::signal(SIGPIPE, SIG_DFL);
    if (::chdir("/") != 0) give_up(word);
    write_pid(word.pid);
    (void)!::write(k_report_fd, &word, sizeof word);
    ::execv(argv[0], argv);
    give_up(word);
}

[[noreturn]] void leave_family(const ChildFds& fds, char* const* argv) {
    if (::setsid() < 0) ::_exit(127);
    const auto pid = ::fork();
    if (pid == 0) become(fds, argv);
    ::_exit(pid < 0 ? 127 : 0);
}

// Above the numbers that the child fills.
Result<Fd> moved_up(int fd) {
    Fd moved(::fcntl(fd, F_DUPFD_CLOEXEC, k_first_free_fd));
    if (!moved.valid()) return fail(error_from_errno(errno, "duplicate a descriptor"));
    return moved;
}

Result<pid_t> heard(const Fd& report, const std::string& program) {
    Word word;
    if (::read(report.get(), &word, sizeof word) != sizeof word) {
        return fail(ErrorCode::unavailable, fmt::format("start {}: could not fork", program));
    }
    const auto pid = word.pid;
    // A successful exec closes the pipe; otherwise a second word says why not.
    if (word.failed_errno == 0 && ::read(report.get(), &word, sizeof word) != sizeof word) {
        return pid;
    }
    return fail(error_from_errno(word.failed_errno, "start " + program));
}

}  // namespace

Result<pid_t> start_detached(const DetachedSpec& spec) {
    std::vector<char*> argv;
    for (const auto& word : spec.argv) argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);

    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return fail(error_from_errno(errno, "pipe"));
    const Fd report(ends[0]);
    Fd report_end(ends[1]);
    const Fd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    MOLN_ASSIGN(Fd child_report, moved_up(report_end.get()));
    MOLN_ASSIGN(const Fd input, moved_up(null.get()));
    MOLN_ASSIGN(const Fd output, moved_up(spec.output->get()));
    MOLN_ASSIGN(const Fd lock, moved_up(spec.lock->get()));
    report_end.reset();
    const ChildFds fds{.input = input.get(),
                       .output = output.get(),
                       .lock = lock.get(),
                       .report = child_report.get()};

    const auto middle = ::fork();
    if (middle < 0) return fail(error_from_errno(errno, "fork"));
    if (middle == 0) leave_family(fds, argv.data());
    int status = 0;
    while (::waitpid(middle, &status, 0) < 0 && errno == EINTR) {
    }
    child_report.reset();  // so that exec closes the last one
    return heard(report, spec.argv.front());
}

}  // namespace moln
