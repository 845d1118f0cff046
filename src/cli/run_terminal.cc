// `moln run` and `moln shell`: this terminal, or these pipes, joined to a process in an instance.
#include <array>
#include <cerrno>
#include <csignal>
#include <optional>
#include <random>

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include "base/base64.h"
#include "cli/exit_code.h"
#include "cli/requests.h"
#include "cli/shell.h"
#include "cli/socket.h"
#include "cli/terminal.h"
#include "model/requests.h"
#include "model/views.h"

namespace moln::cli {
namespace {

volatile std::sig_atomic_t g_resized = 0;

void note_resize(int) {
    g_resized = 1;
}

class Session {
public:
    Session(Socket socket, bool tty) : socket_(std::move(socket)), tty_(tty) {}

    // Shakes hands, then carries bytes both ways until the process ends; its exit code.
    Result<int> run(ApiCall call);

private:
    Status shake_hands(ApiCall& call);
    Status pump();
    Status input();
    Status output(std::string_view bytes);
    Status show(std::string_view bytes);
    Status text_frame(const std::string& text);
    Status send(FrameKind kind, std::string_view payload);
    Status send_size();

    Socket socket_;
    bool tty_;
    bool input_open_ = true;
    FrameReader reader_;
    std::random_device random_;
    std::optional<int> exit_;
};

Result<int> Session::run(ApiCall call) {
    MOLN_TRY(shake_hands(call));
    std::optional<RawMode> raw;
    if (tty_) {
        raw.emplace(STDIN_FILENO);
        struct sigaction action = {};
        action.sa_handler = note_resize;
        sigaction(SIGWINCH, &action, nullptr);
    }
    while (!exit_) MOLN_TRY(pump());
    return *exit_;
}

Status Session::shake_hands(ApiCall& call) {
    std::string key;
    for (int i = 0; i < 16; ++i) key += static_cast<char>(random_() & 0xff);
    call.headers["Connection"] = "Upgrade";
    call.headers["Upgrade"] = "websocket";
    call.headers["Sec-WebSocket-Version"] = "13";
    call.headers["Sec-WebSocket-Key"] = base64(key);
    bool answered = false;
    MOLN_TRY(socket_.send(head_bytes(call), answered));
    AnswerReader answer;
    std::string body;
    while (!answer.is_done()) {
        MOLN_ASSIGN(const auto bytes, socket_.receive());
        if (bytes.empty()) {
            MOLN_TRY(answer.end_of_input());
            break;
        }
        MOLN_TRY(answer.feed(bytes, body));
    }
    if (answer.status() == 101) return output(answer.take_rest());
    if (const auto parsed = parse_json(body)) {
        if (auto error = error_in(*parsed)) return fail(std::move(*error));
    }
    return fail(ErrorCode::internal,
                fmt::format("the daemon answered with HTTP status {}", answer.status()));
}

Status Session::pump() {
    std::array<pollfd, 2> waits = {
        {{socket_.fd(), POLLIN, 0}, {input_open_ ? STDIN_FILENO : -1, POLLIN, 0}}};
    sigset_t open;
    sigprocmask(SIG_BLOCK, nullptr, &open);
    sigdelset(&open, SIGINT);
    sigdelset(&open, SIGTERM);
    const int ready = ::ppoll(waits.data(), waits.size(), nullptr, &open);
    if (interrupted()) return fail(ErrorCode::unavailable, "interrupted");
    if (ready < 0 && errno != EINTR) return fail(error_from_errno(errno, "poll"));
    if (g_resized != 0) {
        g_resized = 0;
        MOLN_TRY(send_size());
    }
    if (ready <= 0) return {};
    if (waits[0].revents != 0) {
        MOLN_ASSIGN(const auto bytes, socket_.receive());
        if (bytes.empty()) {
            return fail(ErrorCode::unavailable,
                        "the daemon closed the connection; the process "
                        "may go on, see `moln ps`");
        }
        MOLN_TRY(output(bytes));
    }
    if (!exit_ && waits[1].revents != 0) MOLN_TRY(input());
    return {};
}

Status Session::input() {
    std::array<char, 16 * 1024> buffer;
    const auto count = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) return {};
    if (count <= 0) {
        input_open_ = false;
        return send(FrameKind::bytes, "");
    }
    return send(FrameKind::bytes, {buffer.data(), static_cast<std::size_t>(count)});
}

Status Session::output(std::string_view bytes) {
    MOLN_ASSIGN(const auto frames, reader_.feed(bytes));
    for (const auto& frame : frames) {
        switch (frame.kind) {
            case FrameKind::bytes: MOLN_TRY(show(frame.payload)); break;
            case FrameKind::text: MOLN_TRY(text_frame(frame.payload)); break;
            case FrameKind::ping: MOLN_TRY(send(FrameKind::pong, frame.payload)); break;
            case FrameKind::close:
                if (!exit_) {
                    return fail(ErrorCode::unavailable, "the daemon ended the session");
                }
                break;
            case FrameKind::pong: break;
        }
    }
    return {};
}

// Without a terminal the first byte says which stream it is of.
Status Session::show(std::string_view bytes) {
    constexpr char k_stderr = 2;
    const bool is_error = !tty_ && !bytes.empty() && bytes.front() == k_stderr;
    if (!tty_ && !bytes.empty()) bytes.remove_prefix(1);
    const int fd = is_error ? STDERR_FILENO : STDOUT_FILENO;
    while (!bytes.empty()) {
        const auto count = ::write(fd, bytes.data(), bytes.size());
        if (count < 0 && errno == EINTR && !interrupted()) continue;
        if (count < 0) return fail(error_from_errno(errno, "write the output"));
        bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return {};
}

Status Session::text_frame(const std::string& text) {
    MOLN_ASSIGN(const auto value, parse_json(text));
    if (auto error = error_in(value)) return fail(std::move(*error));
    const auto* object = value.if_object();
    const auto* code = object == nullptr ? nullptr : object->if_contains("exit");
    if (code != nullptr && code->is_int64()) exit_ = static_cast<int>(code->get_int64());
    return {};
}

Status Session::send(FrameKind kind, std::string_view payload) {
    auto rest = frame_bytes(kind, payload, random_());
    // Both sides may be writing: what the daemon sends is taken while it does not read.
    while (true) {
        const auto count = socket_.send_some(rest);
        if (!count) return fail(count.error());
        rest.erase(0, *count);
        if (rest.empty()) return {};
        MOLN_ASSIGN(const auto bytes, socket_.receive_or_writable());
        if (!bytes.empty()) MOLN_TRY(output(bytes));
        if (exit_) return {};
    }
}

Status Session::send_size() {
    const auto [columns, rows] = terminal_size(STDOUT_FILENO);
    return send(FrameKind::text, to_json_text(ResizeBody{{columns, rows}}));
}

std::vector<std::string> terminal_query(bool tty) {
    const auto [columns, rows] = terminal_size(STDOUT_FILENO);
    if (!tty) return {"tty=0"};
    return {"tty=1", fmt::format("columns={}", columns), fmt::format("rows={}", rows)};
}

Result<std::string> instance_for_shell(const Shell& shell) {
    if (!shell.said.words.empty()) return shell.said.words.front();
    auto list = shell.said;
    MOLN_ASSIGN(list.app, app_to_act_on(shell));
    MOLN_ASSIGN(const auto call, request_for(list, list.app));
    MOLN_ASSIGN(const auto body, shell.client.call(call));
    MOLN_ASSIGN(const auto value, parse_json(body, k_frame_bytes_max));
    MOLN_ASSIGN(const auto views, from_json<Items<InstanceView>>(value, UnknownFields::ignore));
    for (const auto& view : views.items) {
        const bool fits = shell.said.process.empty() || view.process == shell.said.process;
        if (fits && view.phase == InstancePhase::running && view.goal == InstanceGoal::run) {
            return view.id.text;
        }
    }
    return fail(ErrorCode::not_found,
                fmt::format("app {}: no instance runs; see `moln ps`", list.app));
}

Result<int> open_shell(const Shell& shell) {
    MOLN_ASSIGN(const auto instance, instance_for_shell(shell));
    const bool tty = shell.in_is_terminal && shell.out_is_terminal;
    MOLN_ASSIGN(auto socket, Socket::connect(shell.client.socket_path()));
    return Session(std::move(socket), tty).run(terminal_call(instance, terminal_query(tty)));
}

Result<int> run_command(const Shell& shell) {
    auto said = shell.said;
    said.no_tty = said.no_tty || !shell.in_is_terminal || !shell.out_is_terminal;
    MOLN_ASSIGN(const auto app, app_to_act_on(shell));
    MOLN_ASSIGN(const auto call, request_for(said, app));
    MOLN_ASSIGN(const auto body, shell.client.call(call));
    MOLN_ASSIGN(const auto value, parse_json(body));
    MOLN_ASSIGN(const auto change, from_json<ChangeView>(value, UnknownFields::ignore));
    const auto& instance = change.reply.instance.text;
    shell.progress(fmt::format("instance {}", instance));
    auto query = terminal_query(!said.no_tty);
    query.push_back("attach=1");
    MOLN_ASSIGN(auto socket, Socket::connect(shell.client.socket_path()));
    auto code = Session(std::move(socket), !said.no_tty).run(terminal_call(instance, query));
    if (!code && interrupted()) {
        // A one-off that nobody waits for is stopped, as a local command would be by Ctrl-C.
        Invocation stop;
        stop.verb = "stop";
        stop.instance = instance;
        const auto stopped = request_for(stop, "");
        shell.progress(fmt::format("Stopping {}; see `moln ps`.", instance));
        send_last_word(shell.client.socket_path(), head_bytes(*stopped) + stopped->body);
    }
    return code;
}

}  // namespace

Verdict run_terminal(const Shell& shell) {
    return shell.said.verb == "run" ? run_command(shell) : open_shell(shell);
}

}  // namespace moln::cli
