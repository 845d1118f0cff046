#include "io/api/ws_line.h"

#include <chrono>
#include <deque>
#include <optional>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket.hpp>

namespace moln::io {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = boost::beast::websocket;

class BeastWsLine final : public WsLine, public std::enable_shared_from_this<BeastWsLine> {
public:
    BeastWsLine(StreamSocket socket, HttpRequest handshake, Milliseconds handshake_time)
        : stream_(std::move(socket)), handshake_(std::move(handshake)) {
        websocket::stream_base::timeout timeout{};
        timeout.handshake_timeout = std::chrono::milliseconds(handshake_time.count);
        // A terminal may be silent for days, its reader may page for hours; a peer on this machine
        // that dies closes its socket.
        timeout.idle_timeout = websocket::stream_base::none();
        stream_.set_option(timeout);
        stream_.read_message_max(k_ws_message_bytes_max);
    }

    void start(Events events) override {
        events_ = std::move(events);
        stream_.async_accept(handshake_, [self = shared_from_this()](beast::error_code error) {
            if (error) return self->finish();
            self->open_ = true;
            self->read();
            self->write();
        });
    }

    void send(ApiMessageKind kind, std::string bytes) override {
        if (closing_) return;
        queued_ += bytes.size();
        out_.push_back({kind, std::move(bytes)});
        if (queued_ > k_api_queue_bytes_max) return cut();
        write();
    }

    void close() override {
        closing_ = true;
        write();
    }

    void cut() override {
        closing_ = true;
        beast::error_code ignored;
        // Cancels what is pending; the read's handler then finishes.
        stream_.next_layer().close(ignored);
    }

    void pause() override {
        is_paused_ = true;
        if (std::exchange(watching_end_, true)) return;
        stream_.next_layer().async_wait(StreamSocket::wait_error,
                                        [self = shared_from_this()](beast::error_code error) {
                                            self->watching_end_ = false;
                                            if (!error && self->is_paused_) self->finish();
                                        });
    }

    void resume() override {
        is_paused_ = false;
        read();
    }

    std::size_t queued_bytes() const override { return queued_; }

private:
    struct Message {
        ApiMessageKind kind;
        std::string bytes;
    };

    void read() {
        if (!open_ || reading_ || finished_ || is_paused_) return;
        reading_ = true;
        stream_.async_read(
            buffer_, [self = shared_from_this()](beast::error_code error, std::size_t) {
                self->reading_ = false;
                if (error) return self->finish();
                const auto kind =
                    self->stream_.got_text() ? ApiMessageKind::text : ApiMessageKind::bytes;
                auto text = beast::buffers_to_string(self->buffer_.data());
                self->buffer_.consume(self->buffer_.size());
                if (self->events_.message) self->events_.message(kind, std::move(text));
                self->read();
            });
    }

    void write() {
        if (!open_ || writing_ || finished_) return;
        if (out_.empty()) {
            if (closing_) send_close();
            return;
        }
        writing_ = true;
        stream_.text(out_.front().kind == ApiMessageKind::text);
        stream_.async_write(asio::buffer(out_.front().bytes),
                            [self = shared_from_this()](beast::error_code error, std::size_t) {
                                self->writing_ = false;
                                if (error) return self->finish();
                                self->queued_ -= self->out_.front().bytes.size();
                                self->out_.pop_front();
                                if (self->events_.sent) self->events_.sent();
                                self->write();
                            });
    }

    void send_close() {
        if (close_sent_) return;
        close_sent_ = true;
        stream_.async_close(websocket::close_code::normal,
                            [self = shared_from_this()](beast::error_code) { self->finish(); });
    }

    void finish() {
        if (std::exchange(finished_, true)) return;
        beast::error_code ignored;
        stream_.next_layer().close(ignored);
        // The callbacks may hold the last references to what they call.
        const auto events = std::exchange(events_, {});
        if (events.closed) events.closed();
    }

    websocket::stream<StreamSocket> stream_;
    HttpRequest handshake_;
    beast::flat_buffer buffer_;
    Events events_;
    std::deque<Message> out_;
    std::size_t queued_ = 0;
    bool open_ = false;
    bool reading_ = false;
    bool is_paused_ = false;
    bool watching_end_ = false;
    bool writing_ = false;
    bool closing_ = false;
    bool close_sent_ = false;
    bool finished_ = false;
};

}  // namespace

std::shared_ptr<WsLine> make_ws_line(StreamSocket socket, HttpRequest handshake,
                                     Milliseconds handshake_time) {
    return std::make_shared<BeastWsLine>(std::move(socket), std::move(handshake), handshake_time);
}

}  // namespace moln::io
