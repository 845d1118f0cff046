#include "main/terminal.h"

#include <utility>

#include <fcntl.h>
#include <sys/socket.h>

#include "drivers/sandbox/attach.h"
#include "drivers/sandbox/exec.h"
#include "main/descriptor_pump.h"

namespace moln {
namespace {

// After a program's end its children may hold its output open: once they were silent for so long
// nothing more is waited for.
constexpr Milliseconds k_last_output{200};

// One stream of output. Tells when it is over.
class Outlet {
public:
    using Sink = std::function<void(OutputStream, std::string)>;

    Outlet(HostLoop& loop, int fd, OutputStream stream, std::function<void()> over)
        : reader_(read_descriptor(loop, fd)), stream_(stream) {
        reader_->on_closed([this, over = std::move(over)] {
            is_over_ = true;
            over();
        });
    }
    void on_output(const Sink& sink) {
        reader_->on_bytes([this, sink](std::string bytes) {
            said_ = true;
            sink(stream_, std::move(bytes));
        });
    }
    void pause() { reader_->pause(); }
    void resume() { reader_->resume(); }
    bool is_over() const { return is_over_; }
    // Anything since the last call?
    bool has_said() { return std::exchange(said_, false); }

private:
    std::shared_ptr<DescriptorReader> reader_;
    OutputStream stream_;
    bool is_over_ = false;
    bool said_ = false;
};

class ExecTerminal final : public Terminal {
public:
    ExecTerminal(HostLoop& loop, std::unique_ptr<ExecSession> session)
        : loop_(loop), session_(std::move(session)) {
        input_ = write_descriptor(loop, session_->input_fd(),
                                  {.ended = [this] { session_->close_input(); }});
        outlets_.push_back(std::make_unique<Outlet>(loop, session_->output_fd(), OutputStream::out,
                                                    [this] { end_if_over(); }));
        if (session_->error_fd() >= 0) {
            outlets_.push_back(std::make_unique<Outlet>(
                loop, session_->error_fd(), OutputStream::err, [this] { end_if_over(); }));
        }
        ended_ = when_readable(loop, session_->ended_fd(), [this] {
            code_ = session_->wait();
            wait_for_quiet();
            end_if_over();
        });
    }

    void write(std::string bytes) override { input_->write(std::move(bytes)); }
    std::size_t input_waiting() const override { return input_->waiting(); }
    void on_input_taken(std::function<void()> callback) override {
        input_->on_taken(std::move(callback));
    }
    void resize(int columns, int rows) override { (void)session_->resize(columns, rows); }
    void on_output(std::function<void(OutputStream, std::string)> callback) override {
        for (const auto& outlet : outlets_) outlet->on_output(callback);
    }
    void pause_output() override {
        is_paused_ = true;
        for (const auto& outlet : outlets_) outlet->pause();
    }
    void resume_output() override {
        is_paused_ = false;
        for (const auto& outlet : outlets_) outlet->resume();
    }
    void on_end(std::function<void(std::optional<int>)> callback) override {
        end_ = std::move(callback);
    }

private:
    void wait_for_quiet() {
        loop_.after(k_last_output, [this, alive = std::weak_ptr<bool>(alive_)] {
            if (alive.expired()) return;
            bool said = is_paused_;
            for (const auto& outlet : outlets_) said = outlet->has_said() || said;
            if (said) return wait_for_quiet();
            is_quiet_ = true;
            end_if_over();
        });
    }

    void end_if_over() {
        bool over = true;
        for (const auto& outlet : outlets_) over = over && outlet->is_over();
        if (code_ && (over || is_quiet_) && end_) std::exchange(end_, nullptr)(code_);
    }

    HostLoop& loop_;
    std::unique_ptr<ExecSession> session_;
    std::shared_ptr<DescriptorWriter> input_;
    std::vector<std::unique_ptr<Outlet>> outlets_;
    std::shared_ptr<void> ended_;
    std::function<void(std::optional<int>)> end_;
    std::optional<int> code_;
    bool is_paused_ = false;
    bool is_quiet_ = false;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

// The line that conmon keeps to an instance's first process: packets of one byte for the stream
// (2 stdout, 3 stderr) and then its bytes; what is written goes to standard input as it is.
class AttachTerminal final : public Terminal {
public:
    AttachTerminal(HostLoop& loop, Attachment line) : line_(std::move(line)) {
        input_ = write_descriptor(loop, line_.fd(),
                                  {.piece_bytes_max = k_attach_piece_bytes,
                                   .ended = [this] { ::shutdown(line_.fd(), SHUT_WR); }});
        output_ = read_descriptor(loop, line_.fd());
        output_->on_closed([this] {
            if (end_) std::exchange(end_, nullptr)(std::nullopt);
        });
    }

    void write(std::string bytes) override { input_->write(std::move(bytes)); }
    std::size_t input_waiting() const override { return input_->waiting(); }
    void on_input_taken(std::function<void()> callback) override {
        input_->on_taken(std::move(callback));
    }
    void resize(int columns, int rows) override { (void)line_.resize(columns, rows); }
    void on_output(std::function<void(OutputStream, std::string)> callback) override {
        output_->on_bytes([callback = std::move(callback)](const std::string& packet) {
            constexpr char k_stderr = 3;
            callback(packet.front() == k_stderr ? OutputStream::err : OutputStream::out,
                     packet.substr(1));
        });
    }
    void pause_output() override { output_->pause(); }
    void resume_output() override { output_->resume(); }
    void on_end(std::function<void(std::optional<int>)> callback) override {
        end_ = std::move(callback);
    }

private:
    Attachment line_;
    std::shared_ptr<DescriptorWriter> input_;
    std::shared_ptr<DescriptorReader> output_;
    std::function<void(std::optional<int>)> end_;
};

}  // namespace

Result<std::unique_ptr<Terminal>> make_terminal(HostLoop& loop, SandboxHost& host,
                                                const Instance& instance,
                                                const TerminalRequest& request) {
    if (request.attach) {
        MOLN_ASSIGN(auto line, Attachment::open(host, instance.id));
        if (request.tty) (void)line.resize(request.columns, request.rows);
        auto terminal = std::make_unique<AttachTerminal>(loop, std::move(line));
        // Only the first: to the others it would be input.
        if (!instance.terminal && host.monitors.is_first_attached(instance.id)) {
            terminal->write(k_attached_word);
        }
        return terminal;
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
