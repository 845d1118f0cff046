#include "main/terminal.h"

#include <utility>

#include <sys/socket.h>

#include "drivers/sandbox/attach.h"
#include "drivers/sandbox/exec.h"
#include "main/descriptor_pump.h"

namespace moln {
namespace {

// After a program's end its children may hold its output open: they get this long to finish.
constexpr Milliseconds k_last_output{200};
// The monitor writes the exit status a moment after the line was closed.
constexpr Milliseconds k_exit_status_poll{20};
constexpr int k_exit_status_polls_max = 250;
constexpr int k_exit_code_unknown = 255;

class ExecTerminal final : public Terminal {
public:
    ExecTerminal(HostLoop& loop, std::unique_ptr<ExecSession> session)
        : loop_(loop), session_(std::move(session)) {
        pump_ = pump_descriptors(loop, session_->output_fd(), session_->input_fd(),
                                 k_terminal_input_bytes_max, [this] { session_->close_input(); });
        pump_->on_closed([this] {
            output_over_ = true;
            end_if_over();
        });
        ended_ = when_readable(loop, session_->ended_fd(), [this] {
            code_ = session_->wait();
            loop_.after(k_last_output, [this, alive = std::weak_ptr<bool>(alive_)] {
                if (alive.expired()) return;
                output_over_ = true;
                end_if_over();
            });
            end_if_over();
        });
    }

    void write(std::string bytes) override { pump_->write(std::move(bytes)); }
    void resize(int columns, int rows) override { (void)session_->resize(columns, rows); }
    void on_output(std::function<void(std::string)> callback) override {
        pump_->on_bytes(std::move(callback));
    }
    void on_end(std::function<void(int)> callback) override { end_ = std::move(callback); }

private:
    void end_if_over() {
        if (code_ && output_over_ && end_) std::exchange(end_, nullptr)(*code_);
    }

    HostLoop& loop_;
    std::unique_ptr<ExecSession> session_;
    std::shared_ptr<DescriptorPump> pump_;
    std::shared_ptr<void> ended_;
    std::function<void(int)> end_;
    std::optional<int> code_;
    bool output_over_ = false;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

// The line that conmon keeps to an instance's first process: packets of one byte for the stream
// and then its bytes; what is written goes to standard input as it is.
class AttachTerminal final : public Terminal {
public:
    AttachTerminal(HostLoop& loop, SandboxHost& host, InstanceId instance, Attachment line)
        : loop_(loop), host_(host), instance_(std::move(instance)), line_(std::move(line)) {
        pump_ = pump_descriptors(loop, line_.fd(), line_.fd(), k_terminal_input_bytes_max,
                                 [this] { ::shutdown(line_.fd(), SHUT_WR); });
        pump_->on_closed([this] { look_for_exit(k_exit_status_polls_max); });
    }

    void write(std::string bytes) override { pump_->write(std::move(bytes)); }
    void resize(int columns, int rows) override { (void)line_.resize(columns, rows); }
    void on_output(std::function<void(std::string)> callback) override {
        pump_->on_bytes([callback = std::move(callback)](const std::string& packet) {
            callback(packet.substr(1));
        });
    }
    void on_end(std::function<void(int)> callback) override { end_ = std::move(callback); }

private:
    void look_for_exit(int polls_left) {
        const auto exit = host_.monitors.exit_of(instance_);
        if (exit || polls_left == 0) {
            const int code = !exit              ? k_exit_code_unknown
                             : exit->signal > 0 ? 128 + exit->signal
                                                : exit->code;
            if (end_) std::exchange(end_, nullptr)(code);
            return;
        }
        loop_.after(k_exit_status_poll, [this, polls_left, alive = std::weak_ptr<bool>(alive_)] {
            if (!alive.expired()) look_for_exit(polls_left - 1);
        });
    }

    HostLoop& loop_;
    SandboxHost& host_;
    InstanceId instance_;
    Attachment line_;
    std::shared_ptr<DescriptorPump> pump_;
    std::function<void(int)> end_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace

Result<std::unique_ptr<Terminal>> make_terminal(HostLoop& loop, SandboxHost& host,
                                                const Instance& instance,
                                                const TerminalRequest& request) {
    if (request.attach) {
        MOLN_ASSIGN(auto line, Attachment::open(host, instance.id));
        if (request.tty) (void)line.resize(request.columns, request.rows);
        return std::make_unique<AttachTerminal>(loop, host, instance.id, std::move(line));
    }
    ExecSpec spec{.instance = instance.id,
                  .argv = request.command,
                  .terminal = request.tty,
                  .columns = request.columns,
                  .rows = request.rows};
    if (spec.argv.empty()) spec.argv = {"/bin/sh", "-l"};
    MOLN_ASSIGN(auto session, exec_in(host, spec));
    return std::make_unique<ExecTerminal>(loop, std::move(session));
}

}  // namespace moln
