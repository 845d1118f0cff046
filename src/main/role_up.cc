// `moln up`: the daemon as a child that is started again when it dies. Instances and edge live on
// in between; only Ctrl-C stops them.
#include <algorithm>
#include <cerrno>
#include <string>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/streams.h"
#include "io/file/fd.h"
#include "main/roles.h"

namespace moln {
namespace {

constexpr int k_restart_ms_first = 100;
constexpr int k_restart_ms_max = 5'000;

struct Child {
    pid_t pid = -1;
    Fd ready;  // one line once it serves
};

Child start_daemon(const NodeOptions& options) {
    int ends[2] = {-1, -1};
    if (::pipe(ends) != 0) return {};
    ::fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    std::vector<std::string> words = {own_program(), "daemon"};
    for (auto& word : node_arguments(options)) words.push_back(std::move(word));
    words.insert(words.end(), {"--ready-fd", std::to_string(ends[1])});
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);

    const pid_t pid = ::fork();
    if (pid == 0) {
        sigset_t none;
        ::sigemptyset(&none);
        ::sigprocmask(SIG_SETMASK, &none, nullptr);
        ::setsid();  // the terminal's Ctrl-C is for us alone, who pass it on
        ::execv(argv[0], argv.data());
        ::_exit(127);
    }
    ::close(ends[1]);
    return {pid, Fd(ends[0])};
}

void tell_ready(const NodeOptions& options, Child& child) {
    std::string listens(4096, '\0');
    const auto count = ::read(child.ready.get(), listens.data(), listens.size());
    child.ready.reset();
    if (count <= 0) return;  // it died before; its exit status says the rest
    listens.resize(static_cast<std::size_t>(count));
    if (listens.ends_with('\n')) listens.pop_back();
    cli::put(
        fmt::format("moln is up: node {}, state in {}\n  edge    {}\n"
                    "  deploy  moln deploy DIR\n  look    moln status\n"
                    "Ctrl-C drains and stops everything.\n",
                    options.node, options.data.root, listens));
}

class Supervisor {
public:
    explicit Supervisor(const NodeOptions& options) : options_(options) {
        sigset_t watched;
        ::sigemptyset(&watched);
        for (const int number : {SIGINT, SIGTERM, SIGCHLD}) ::sigaddset(&watched, number);
        ::sigprocmask(SIG_BLOCK, &watched, nullptr);
        signals_ = Fd(::signalfd(-1, &watched, SFD_CLOEXEC));
    }

    int run() {
        child_ = start_daemon(options_);
        while (true) {
            if (child_.pid < 0) {
                cli::say("moln up: cannot start the daemon\n");
                return k_exit_failed;
            }
            pollfd watched[2] = {{signals_.get(), POLLIN, 0}, {child_.ready.get(), POLLIN, 0}};
            if (::poll(watched, child_.ready.valid() ? 2 : 1, -1) < 0 && errno != EINTR) {
                return k_exit_failed;
            }
            if (child_.ready.valid() && (watched[1].revents & (POLLIN | POLLHUP)) != 0) {
                tell_ready(options_, child_);
            }
            if ((watched[0].revents & POLLIN) != 0) take_signal();
            if (const auto code = reap()) return *code;
        }
    }

private:
    void take_signal() {
        signalfd_siginfo info{};
        if (::read(signals_.get(), &info, sizeof(info)) != sizeof(info)) return;
        if (info.ssi_signo == SIGCHLD) return;
        cli::put(stops_asked_++ == 0 ? "\ndraining and stopping; Ctrl-C again does not wait\n"
                                     : "\nstopping now\n");
        ::kill(child_.pid, SIGINT);
    }

    // The exit code when it is all over; a daemon that crashed is started again.
    std::optional<int> reap() {
        int status = 0;
        if (::waitpid(child_.pid, &status, WNOHANG) != child_.pid) return std::nullopt;
        const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        if (code == k_exit_shut_down || code == k_exit_cannot || stops_asked_ > 0) return code;
        cli::say(fmt::format(
            "the daemon ended with code {} and is started again; instances and edge serve on\n",
            code));
        ::usleep(static_cast<useconds_t>(delay_ms_) * 1000);
        delay_ms_ = std::min(delay_ms_ * 2, k_restart_ms_max);
        child_ = start_daemon(options_);
        return std::nullopt;
    }

    NodeOptions options_;
    Fd signals_;
    Child child_;
    int stops_asked_ = 0;
    int delay_ms_ = k_restart_ms_first;
};

}  // namespace

int run_up(const NodeOptions& options) {
    return Supervisor(options).run();
}

}  // namespace moln
