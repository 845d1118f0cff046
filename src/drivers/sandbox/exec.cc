#include "drivers/sandbox/exec.h"

#include <array>
#include <cerrno>

#include <boost/json.hpp>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "drivers/process/pidfd.h"
#include "drivers/process/spawn.h"
#include "drivers/sandbox/join.h"
#include "io/file/files.h"

namespace moln {
namespace {

namespace json = boost::json;

// What the instance's own process is, with another command: user, capabilities, environment.
Result<std::string> process_json(const SandboxHost& host, const ExecSpec& spec) {
    MOLN_ASSIGN(const auto text, read_file(host.paths.config(spec.instance)));
    boost::system::error_code error;
    auto config = json::parse(text, error);
    if (error || !config.is_object() || !config.get_object().contains("process")) {
        return fail(ErrorCode::corrupt, host.paths.config(spec.instance) + " cannot be read");
    }
    auto process = config.at("process");
    auto& object = process.get_object();
    json::array argv;
    for (const auto& argument : spec.argv) argv.emplace_back(argument);
    object["args"] = std::move(argv);
    object["terminal"] = spec.terminal;
    if (!spec.workdir.empty()) object["cwd"] = spec.workdir;
    auto& env = object["env"].as_array();
    if (spec.terminal) env.emplace_back("TERM=xterm-256color");
    for (const auto& variable : spec.env) env.emplace_back(variable);
    return json::serialize(process);
}

Result<Fd> memory_file(const std::string& text) {
    Fd fd(memfd_create("process", MFD_CLOEXEC));
    if (!fd.valid() ||
        write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
        return fail(error_from_errno(errno, "hold a process description"));
    }
    return fd;
}

void set_non_blocking(const Fd& fd) {
    fcntl(fd.get(), F_SETFL, fcntl(fd.get(), F_GETFL) | O_NONBLOCK);
}

struct Streams {
    Fd ours_in;
    Fd ours_out;
    Fd ours_err;
    Fd theirs_in;
    Fd theirs_out;
    Fd theirs_err;
};

Result<Streams> make_pipes() {
    MOLN_ASSIGN(Pipe in, make_pipe());
    MOLN_ASSIGN(Pipe out, make_pipe());
    MOLN_ASSIGN(Pipe err, make_pipe());
    return Streams{.ours_in = std::move(in.write_end),
                   .ours_out = std::move(out.read_end),
                   .ours_err = std::move(err.read_end),
                   .theirs_in = std::move(in.read_end),
                   .theirs_out = std::move(out.write_end),
                   .theirs_err = std::move(err.write_end)};
}

// The runtime, told to make a terminal, copies between it and its own standard streams as long as
// these are a terminal too: so it gets one of the host's, whose other end is ours.
Result<Streams> make_terminal(const ExecSpec& spec) {
    int ours = -1;
    int theirs = -1;
    const winsize size{.ws_row = static_cast<unsigned short>(spec.rows),
                       .ws_col = static_cast<unsigned short>(spec.columns),
                       .ws_xpixel = 0,
                       .ws_ypixel = 0};
    if (openpty(&ours, &theirs, nullptr, nullptr, &size) != 0) {
        return fail(error_from_errno(errno, "open a terminal"));
    }
    Streams streams{.ours_in = {},
                    .ours_out = Fd(ours),
                    .ours_err = {},
                    .theirs_in = Fd(theirs),
                    .theirs_out = {},
                    .theirs_err = {}};
    fcntl(ours, F_SETFD, FD_CLOEXEC);
    fcntl(theirs, F_SETFD, FD_CLOEXEC);
    return streams;
}

}  // namespace

Result<std::unique_ptr<ExecSession>> exec_in(SandboxHost& host, const ExecSpec& spec) {
    MOLN_TRY(host.set_up());
    if (spec.argv.empty()) return fail(ErrorCode::invalid, "no program given to run");
    if (!host.monitors.instance_pid(spec.instance)) {
        return fail(ErrorCode::refused, spec.instance.text + " does not run");
    }
    MOLN_ASSIGN(const auto process, process_json(host, spec));
    // It holds the instance's secrets: only in memory, gone with the runtime.
    MOLN_ASSIGN(const Fd file, memory_file(process));
    MOLN_ASSIGN(auto streams, spec.terminal ? make_terminal(spec) : make_pipes());

    auto command = host.runtime().command(
        {"exec", fmt::format("--process=/proc/self/fd/{}", file.get()), spec.instance.text});
    const auto join = host.cgroups.join_files(spec.instance.text);
    command.before_exec = [&join, &file, before = std::move(command.before_exec)]() -> Status {
        if (!join_groups(join)) return fail(Error{});
        fcntl(file.get(), F_SETFD, 0);
        return before ? before() : Status{};
    };
    const int out = streams.theirs_out.valid() ? streams.theirs_out.get() : streams.theirs_in.get();
    MOLN_ASSIGN(const pid_t pid, spawn(command, {.in = streams.theirs_in.get(),
                                                 .out = out,
                                                 .err = streams.theirs_err.get(),
                                                 .controls_terminal = spec.terminal}));
    std::unique_ptr<ExecSession> session(new ExecSession);
    session->pid_ = pid;
    session->terminal_ = spec.terminal;
    session->input_ = std::move(streams.ours_in);
    session->output_ = std::move(streams.ours_out);
    session->error_ = std::move(streams.ours_err);
    MOLN_ASSIGN(session->process_, open_process(pid));
    set_non_blocking(session->output_);
    for (const auto* fd : {&session->input_, &session->error_}) {
        if (fd->valid()) set_non_blocking(*fd);
    }
    return session;
}

Status ExecSession::resize(int columns, int rows) {
    if (!terminal_) return {};
    const winsize size{.ws_row = static_cast<unsigned short>(rows),
                       .ws_col = static_cast<unsigned short>(columns),
                       .ws_xpixel = 0,
                       .ws_ypixel = 0};
    if (ioctl(output_.get(), TIOCSWINSZ, &size) != 0) {
        return fail(error_from_errno(errno, "resize the terminal"));
    }
    return {};
}

int ExecSession::wait() {
    if (pid_ < 0) return code_;
    int status = 0;
    while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    code_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    return code_;
}

void ExecSession::kill() {
    if (process_.valid()) (void)send_signal(process_, SIGKILL);
}

ExecSession::~ExecSession() {
    if (pid_ < 0) return;
    // Closing the streams ends what listens to them; the runtime passes SIGTERM on to the rest.
    input_.reset();
    output_.reset();
    error_.reset();
    (void)send_signal(process_, SIGTERM);
    constexpr Milliseconds k_grace = seconds(2);
    if (!wait_for_end(process_, k_grace)) kill();
    wait();
}

}  // namespace moln
