#include "api/terminal.h"

#include <utility>

#include <fmt/format.h>

#include "api/view.h"

namespace moln::api {
namespace {

bool over(const InstanceSeen& seen) {
    return seen.phase == InstancePhase::ended || seen.phase == InstancePhase::failed;
}

class TerminalStream final : public Stream, public std::enable_shared_from_this<TerminalStream> {
public:
    TerminalStream(const std::shared_ptr<Call>& call, AppId app)
        : call_(call),
          context_(call->shared_context()),
          app_(std::move(app)),
          instance_(call->text("instance")) {
        request_.instance = instance_;
        request_.attach = call->flag("attach");
        request_.tty = call->flag("tty", true);
        request_.columns = static_cast<int>(call->number("columns", 80));
        request_.rows = static_cast<int>(call->number("rows", 24));
        const auto words = call->query.find("arg");
        if (words != call->query.end()) request_.command = words->second;
    }

    void start() {
        context_->streams.insert(shared_from_this());
        auto& line = *call_->exchange;
        line.on_gone([weak = weak_from_this()] {
            if (const auto self = weak.lock()) self->finish();
        });
        line.on_message([weak = weak_from_this()](ApiMessageKind kind, std::string bytes) {
            const auto self = weak.lock();
            if (self == nullptr || self->done_) return;
            kind == ApiMessageKind::text ? self->control_message(bytes)
                                         : self->input(std::move(bytes));
        });
        line.accept_websocket();
        if (!request_.attach) return open();
        watching_ = context_->control.on_change([weak = weak_from_this()] {
            if (const auto self = weak.lock()) self->look();
        });
        look();
    }

private:
    // Attach only: the one-off was made a moment ago and starts soon, or has ended already.
    void look() {
        if (done_) return;
        const auto& world = context_->control.world();
        const auto found = world.instances.find(instance_);
        const auto* seen =
            found == world.instances.end() ? nullptr : find_seen(world, found->second);
        if (seen != nullptr && seen->last_exit) last_exit_ = seen->last_exit;
        const bool is_over = found == world.instances.end() || (seen != nullptr && over(*seen));
        if (is_over) {
            if (seen != nullptr && seen->phase == InstancePhase::failed) {
                return fail({ErrorCode::refused,
                             fmt::format("instance {}: {}", instance_.text, seen->reason)});
            }
            return instance_ended();
        }
        const auto phase = seen == nullptr ? InstancePhase::absent : seen->phase;
        if (terminal_ == nullptr && phase != InstancePhase::absent) open_early(phase);
    }

    // The line to a one-off is there a moment before its process runs; whoever is on it by then
    // hears the first word. Until it is there, it is tried again.
    void open_early(InstancePhase phase) {
        auto opened = context_->control.open_terminal(request_);
        if (opened) return join(std::move(*opened));
        if (phase == InstancePhase::running && ++tries_ > k_attach_tries_max) {
            return fail(opened.error());
        }
        if (std::exchange(trying_, true)) return;
        context_->loop.after(k_attach_interval, [weak = weak_from_this()] {
            const auto self = weak.lock();
            if (self == nullptr) return;
            self->trying_ = false;
            self->look();
        });
    }

    void open() {
        auto opened = context_->control.open_terminal(request_);
        if (!opened) return fail(opened.error());
        join(std::move(*opened));
    }

    void join(std::unique_ptr<Terminal> opened) {
        terminal_ = std::move(opened);
        terminal_->on_output([weak = weak_from_this()](OutputStream stream, std::string bytes) {
            const auto self = weak.lock();
            if (self == nullptr) return;
            self->got_output_ = true;
            self->output(stream, std::move(bytes));
        });
        terminal_->on_end([weak = weak_from_this()](std::optional<int> code) {
            if (const auto self = weak.lock()) self->terminal_ended(code);
        });
        terminal_->on_input_taken([weak = weak_from_this()] {
            if (const auto self = weak.lock()) self->pace_input();
        });
        call_->exchange->on_room([weak = weak_from_this()] {
            const auto self = weak.lock();
            if (self != nullptr && self->terminal_ != nullptr) self->terminal_->resume_output();
        });
        for (auto& bytes : std::exchange(early_input_, {})) terminal_->write(std::move(bytes));
        early_bytes_ = 0;
        pace_input();
    }

    // What the process does not take yet waits with the client, not here.
    void pace_input() {
        if (done_) return;
        const auto waiting = terminal_ != nullptr ? terminal_->input_waiting() : early_bytes_;
        if (waiting > k_terminal_input_bytes_pause) {
            if (!std::exchange(input_paused_, true)) call_->exchange->pause_messages();
        } else if (waiting <= k_terminal_input_bytes_pause / 2) {
            if (std::exchange(input_paused_, false)) call_->exchange->resume_messages();
        }
    }

    void terminal_ended(std::optional<int> code) {
        if (code) return exit(*code);
        is_line_over_ = true;
        if (ending_) tell_end();  // else as soon as its end is seen
    }

    void follow_log() {
        LogQuery query;
        query.app = app_;
        query.instance = instance_.text;
        query.lines = 10'000;
        query.follow = true;
        logs_ = context_->control.logs(
            query,
            [weak = weak_from_this()](const LogLine& line) {
                const auto self = weak.lock();
                if (self == nullptr) return;
                self->last_line_ = self->context_->control.now().mono;
                // A raw terminal does not go back to the left by itself.
                self->output(line.is_error ? OutputStream::err : OutputStream::out,
                             line.text + (self->request_.tty ? "\r\n" : "\n"));
            },
            [](const Status&) {});
    }

    void instance_ended() {
        if (std::exchange(ending_, true)) return;
        if (terminal_ == nullptr || is_line_over_) tell_end();
    }

    // We may have come onto the line after all was said, or not at all: then the log has it.
    void tell_end() {
        if (got_output_) return exit(exit_code());
        follow_log();
        wait_for_quiet();
    }

    void wait_for_quiet() {
        context_->loop.after(k_log_quiet, [weak = weak_from_this()] {
            const auto self = weak.lock();
            if (self == nullptr || self->done_) return;
            const auto quiet = self->context_->control.now().mono - self->last_line_;
            if (quiet < k_log_quiet) return self->wait_for_quiet();
            self->exit(self->exit_code());
        });
    }

    int exit_code() const {
        if (!last_exit_) return k_exit_code_unknown;
        return last_exit_->signal != 0 ? 128 + last_exit_->signal : last_exit_->code;
    }

    void output(OutputStream stream, std::string bytes) {
        if (done_ || bytes.empty()) return;
        if (!request_.tty) bytes.insert(bytes.begin(), static_cast<char>(stream));
        call_->exchange->send(ApiMessageKind::bytes, std::move(bytes));
        if (terminal_ != nullptr && call_->exchange->queued_bytes() > k_api_queue_bytes_pause) {
            terminal_->pause_output();
        }
    }

    void input(std::string bytes) {
        if (terminal_ != nullptr) {
            terminal_->write(std::move(bytes));
        } else {
            early_bytes_ += bytes.size();
            early_input_.push_back(std::move(bytes));
        }
        pace_input();
    }

    void control_message(const std::string& text) {
        const auto message = from_json_text<ResizeBody>(text);
        const auto good = [](std::int64_t n) { return n >= 1 && n <= k_terminal_cells_max; };
        if (!message || message->resize.size() != 2 || !good(message->resize[0]) ||
            !good(message->resize[1])) {
            return fail({ErrorCode::invalid, "text frame: expected {\"resize\": [columns, rows]}"});
        }
        request_.columns = static_cast<int>(message->resize[0]);
        request_.rows = static_cast<int>(message->resize[1]);
        if (terminal_ != nullptr) terminal_->resize(request_.columns, request_.rows);
    }

    void exit(int code) {
        if (done_) return;
        call_->exchange->send(ApiMessageKind::text, json::serialize(json::object{{"exit", code}}));
        finish();
    }

    void fail(const Error& error) {
        if (done_) return;
        call_->exchange->send(ApiMessageKind::text, json::serialize(error_json(error)));
        finish();
    }

    void finish() {
        if (std::exchange(done_, true)) return;
        const auto self = shared_from_this();
        call_->exchange->end();
        context_->release_soon(std::move(watching_));
        context_->release_soon(std::move(logs_));
        context_->release_soon(std::shared_ptr<Terminal>(std::move(terminal_)));
        context_->streams.erase(self);
    }

    static constexpr Milliseconds k_attach_interval = {20};
    static constexpr int k_attach_tries_max = 50;  // of a running one: a second

    std::shared_ptr<Call> call_;
    std::shared_ptr<ServiceContext> context_;
    AppId app_;
    InstanceId instance_;
    TerminalRequest request_;
    std::unique_ptr<Terminal> terminal_;
    std::vector<std::string> early_input_;
    std::size_t early_bytes_ = 0;
    std::shared_ptr<void> watching_;
    std::shared_ptr<void> logs_;
    MonoTime last_line_;
    std::optional<InstanceExit> last_exit_;
    int tries_ = 0;
    bool trying_ = false;
    bool got_output_ = false;
    bool input_paused_ = false;
    bool is_line_over_ = false;
    bool ending_ = false;
    bool done_ = false;
};

}  // namespace

Result<const Instance*> find_instance(const Call& call) {
    const auto found = call.world().instances.find(InstanceId(call.text("instance")));
    if (found == call.world().instances.end()) {
        return fail(ErrorCode::not_found, fmt::format("instance {}: there is none; see `moln ps`",
                                                      call.text("instance")));
    }
    return &found->second;
}

void terminal(std::shared_ptr<Call> call) {
    const auto found = find_instance(*call);
    if (!found) return call->fail(found.error());
    const auto* seen = find_seen(call->world(), **found);
    const bool running = seen != nullptr && seen->phase == InstancePhase::running;
    if (!call->flag("attach") && !running) {
        return call->fail(
            {ErrorCode::refused,
             fmt::format("instance {}: does not run; see `moln ps`", call->text("instance"))});
    }
    std::make_shared<TerminalStream>(call, (*found)->app)->start();
}

}  // namespace moln::api
