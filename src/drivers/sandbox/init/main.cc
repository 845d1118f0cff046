// moln-init: the first process of every instance. `moln-init PROGRAM [ARGUMENT...]`
//
// The kernel gives the first process of a pid namespace no default action for signals: a program
// that does not handle SIGTERM could not be stopped by it. And orphans become its children, which
// few programs reap. So this one stands first, starts the program in a process group of its own,
// passes signals on to that group, reaps, and ends as the program ended. A signal to stop goes to
// every process, as service managers send it: also to what has left the group.
//
// After a signal was passed on it waits for everything that is left: a shell that dies of SIGTERM
// must not take along the server that it had started and that still finishes its requests.
// If the program ends by itself, so does this, and with it all that is left.
//
// With --attended before the program it waits until somebody is attached to the instance's output,
// or what is said first would be lost to them: one byte on standard input, which is the daemon's
// and not the program's. If nobody comes the program runs with no input.
//
// Called by the name crun-without-v2 it is something else: crun in a mount namespace without the
// cgroup v2 tree, for monitors, which take one program as their runtime (see OciRuntime).
//
// Linked statically: it must run in any image. No standard library beyond libc.
#include <initializer_list>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

constexpr int k_not_found = 127;  // as shells say
constexpr int k_not_runnable = 126;
constexpr int k_signal_base = 128;

void say(const char* text) {
    (void)!write(STDERR_FILENO, text, strlen(text));
}

// Never runs, for all signals are blocked and waited for. That there is a handler shows outside
// (SigCgt of proc_pid_status(5)) that a signal sent now is not lost any more.
void heard(int) {}

void set_all(void (*handler)(int)) {
    for (const int number : {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2, SIGWINCH}) {
        signal(number, handler);
    }
}

[[noreturn]] void become(char** argv, const sigset_t& mask) {
    set_all(SIG_DFL);
    setpgid(0, 0);
    // Only the foreground group of a terminal may read from it. SIGTTOU is still blocked here.
    if (isatty(STDIN_FILENO) != 0) tcsetpgrp(STDIN_FILENO, getpid());
    sigprocmask(SIG_SETMASK, &mask, nullptr);
    execvp(argv[0], argv);
    const int reason = errno;
    say("moln: cannot run ");
    say(argv[0]);
    say(": ");
    say(strerror(reason));
    say("\n");
    _exit(reason == ENOENT ? k_not_found : k_not_runnable);
}

int exit_code(int status) {
    return WIFSIGNALED(status) ? k_signal_base + WTERMSIG(status) : WEXITSTATUS(status);
}

// Reaps all that have ended. False once there is no child left.
bool reap(pid_t program, bool& ended, int& code) {
    while (true) {
        int status = 0;
        const pid_t pid = waitpid(-1, &status, WNOHANG);
        if (pid == 0) return true;
        if (pid < 0) return errno != ECHILD;
        if (pid != program) continue;
        ended = true;
        code = exit_code(status);
    }
}

// False if it was told to stop.
bool wait_until_attended(const sigset_t& mask) {
    constexpr timespec k_patience{.tv_sec = 10, .tv_nsec = 0};
    pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
    const int found = ppoll(&input, 1, &k_patience, &mask);
    if (found < 0) return false;
    char word = 0;
    if (found > 0 && read(STDIN_FILENO, &word, 1) == 1) return true;
    const int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (nothing >= 0) dup2(nothing, STDIN_FILENO);
    return true;
}

bool is_called(const char* path, const char* name) {
    const char* slash = strrchr(path, '/');
    return strcmp(slash == nullptr ? path : slash + 1, name) == 0;
}

int run_crun_without_v2(char** argv) {
    if (unshare(CLONE_NEWNS) != 0 ||
        mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        umount2("/sys/fs/cgroup/unified", MNT_DETACH) != 0) {
        say("moln: cannot hide the cgroup v2 tree from crun: ");
        say(strerror(errno));
        say("\n");
        return k_not_runnable;
    }
    execv("/usr/bin/crun", argv);
    say("moln: cannot run /usr/bin/crun: ");
    say(strerror(errno));
    say("\n");
    return k_not_found;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc > 0 && is_called(argv[0], "crun-without-v2")) return run_crun_without_v2(argv);
    if (argc < 2) {
        say("moln: no program given to run\n");
        return k_not_found;
    }
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    set_all(heard);
    if (strcmp(argv[1], "--attended") == 0) {
        ++argv;
        if (argv[1] == nullptr) return k_not_found;
        if (!wait_until_attended(before)) return k_signal_base + SIGTERM;
    }
    const pid_t program = fork();
    if (program < 0) {
        say("moln: cannot start a process: ");
        say(strerror(errno));
        say("\n");
        return k_not_runnable;
    }
    if (program == 0) become(argv + 1, before);
    setpgid(program, program);  // in both, so that neither can come too late

    bool told = false;
    bool ended = false;
    int code = 0;
    while (true) {
        const int signal = sigwaitinfo(&all, nullptr);
        if (signal == SIGCHLD) {
            const bool any_left = reap(program, ended, code);
            if (ended && (!told || !any_left)) return code;
        } else if (signal > 0) {
            const bool stops = signal == SIGTERM || signal == SIGINT || signal == SIGQUIT;
            told = told || stops;
            kill(stops ? -1 : -program, signal);
        }
    }
}
