#include "io/api/session.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <fmt/format.h>
#include <sys/socket.h>

#include "io/api/token.h"

namespace moln::io {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

constexpr std::size_t k_read_bytes = 64 * 1024;
// What is still read from a client that was refused in the middle of its body, so that it gets to
// read why: closing at once would reset the connection under the answer.
constexpr std::size_t k_linger_bytes_max = 16u << 20;
constexpr Milliseconds k_linger_time = seconds(2);

ApiHead head_of(const HttpRequest& message) {
    ApiHead head;
    head.method = std::string(message.method_string());
    head.target = std::string(message.target());
    for (const auto& field : message) {
        std::string name(field.name_string());
        std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
        auto& value = head.headers[name];
        if (!value.empty()) value += ", ";
        value += std::string(field.value());
    }
    return head;
}

std::string head_text(const ApiAnswer& answer, bool keep_alive, std::string_view framing) {
    auto text = fmt::format("HTTP/1.1 {} {}\r\n", answer.status,
                            std::string_view(http::obsolete_reason(
                                http::int_to_status(static_cast<unsigned>(answer.status)))));
    if (!answer.content_type.empty()) text += "Content-Type: " + answer.content_type + "\r\n";
    for (const auto& [name, value] : answer.headers) text += name + ": " + value + "\r\n";
    text += "Cache-Control: no-store\r\n";
    text += framing;
    if (!keep_alive) text += "Connection: close\r\n";
    return text + "\r\n";
}

}  // namespace

// The service's handle on one request: forwards while it may, tells when it is dropped.
class SessionExchange final : public ApiExchange {
public:
    explicit SessionExchange(std::shared_ptr<Session> session) : session_(std::move(session)) {}
    ~SessionExchange() override { session_->exchange_dropped(); }
    SessionExchange(const SessionExchange&) = delete;
    SessionExchange& operator=(const SessionExchange&) = delete;

    void answer(ApiAnswer answer) override { session_->answer(answer); }
    void begin_stream(ApiAnswer head) override { session_->begin_stream(head); }
    void write(std::string bytes) override { session_->write_stream(std::move(bytes)); }
    void end() override { session_->end(); }
    void accept_websocket() override { session_->accept_websocket(); }
    void send(ApiMessageKind kind, std::string bytes) override {
        session_->send_message(kind, std::move(bytes));
    }
    void on_message(std::function<void(ApiMessageKind, std::string)> callback) override {
        session_->on_message = std::move(callback);
    }
    void pause_messages() override { session_->pause_messages(); }
    void resume_messages() override { session_->resume_messages(); }
    std::size_t queued_bytes() const override { return session_->queued_bytes(); }
    void on_room(std::function<void()> callback) override {
        session_->on_room = std::move(callback);
    }
    void on_gone(std::function<void()> callback) override {
        session_->on_gone = std::move(callback);
    }

private:
    std::shared_ptr<Session> session_;
};

Session::Session(StreamSocket socket, std::shared_ptr<SessionContext> context, bool needs_token)
    : socket_(std::move(socket)),
      context_(std::move(context)),
      needs_token_(needs_token),
      read_timer_(socket_.get_executor()),
      write_timer_(socket_.get_executor()) {}

void Session::start() {
    beast::error_code ignored;
    socket_.non_blocking(true, ignored);
    read_head();
}

void Session::refuse_crowded() {
    refuse(503, ErrorCode::unavailable,
           fmt::format("the daemon has {} API connections open, which is its limit; close some or "
                       "try again later",
                       context_->limits.connections_max));
}

void Session::cut() {
    close();
}

// ---- reading ----------------------------------------------------------------------------------

void Session::read_head() {
    state_ = State::reading_head;
    parser_.emplace();
    parser_->header_limit(context_->limits.head_bytes_max);
    parser_->body_limit(boost::none);  // counted here, against the service's own limit
    if (buffer_.size() == 0) {
        // Nobody has to hurry before the first byte of a head.
        arm(context_->limits.idle_time);
        socket_.async_wait(StreamSocket::wait_read,
                           [self = shared_from_this()](beast::error_code error) {
                               if (error || self->state_ != State::reading_head) return;
                               self->head_read();
                           });
        return;
    }
    head_read();
}

void Session::head_read() {
    arm(context_->limits.head_time);
    http::async_read_header(
        socket_, buffer_, *parser_,
        [self = shared_from_this()](beast::error_code error, std::size_t) {
            if (self->state_ != State::reading_head) return;
            if (error == http::error::header_limit) {
                return self->refuse(431, ErrorCode::invalid,
                                    fmt::format("request head: larger than {} bytes",
                                                self->context_->limits.head_bytes_max));
            }
            if (error &&
                error.category() == http::make_error_code(http::error::end_of_stream).category() &&
                error != http::error::end_of_stream && error != http::error::partial_message) {
                return self->refuse(400, ErrorCode::invalid,
                                    "request head: not HTTP/1.1: " + error.message());
            }
            if (error || self->context_->service == nullptr) return self->close();
            self->arm(Milliseconds{});

            const auto& message = self->parser_->get();
            self->request_ = {};
            self->request_.head = head_of(message);
            self->request_.head.websocket = beast::websocket::is_upgrade(message);
            self->keep_alive_ = message.keep_alive();
            self->chunked_ = message.version() >= 11;
            if (!self->authorised(self->request_.head)) return;
            auto plan = self->context_->service->take_body(self->request_.head);
            if (!plan) {
                self->keep_alive_ = self->keep_alive_ && self->parser_->is_done();
                self->state_ = State::handling;
                return self->answer(std::move(plan).error());
            }
            self->begin_body(*plan);
        });
}

bool Session::authorised(const ApiHead& head) {
    if (!needs_token_) return true;
    const auto found = head.headers.find("authorization");
    if (found != head.headers.end() && bearer_matches(found->second, context_->token)) return true;
    refuse(
        401, ErrorCode::denied,
        "expected the header \"Authorization: Bearer TOKEN\" with the token of the file that the "
        "daemon was started with");
    return false;
}

void Session::begin_body(const ApiBodyPlan& plan) {
    state_ = State::reading_body;
    body_plan_ = plan;
    body_size_ = 0;
    if (!plan.path.empty()) spool_ = std::make_shared<Spool>(*context_->loop, plan.path);
    const auto length = parser_->content_length();
    if (length && *length > static_cast<std::uint64_t>(plan.size_max.count)) {
        return refuse(
            413, ErrorCode::invalid,
            fmt::format("body of {} bytes: at most {} are taken", *length, plan.size_max.count));
    }
    if (parser_->is_done()) return body_done();
    const auto expect = request_.head.headers.find("expect");
    if (expect != request_.head.headers.end() && beast::iequals(expect->second, "100-continue")) {
        queue("HTTP/1.1 100 Continue\r\n\r\n");
    }
    chunk_.resize(k_read_bytes);
    read_body();
}

void Session::read_body() {
    auto& body = parser_->get().body();
    body.data = chunk_.data();
    body.size = chunk_.size();
    body.more = true;
    arm(context_->limits.stall_time);
    http::async_read_some(
        socket_, buffer_, *parser_,
        [self = shared_from_this()](beast::error_code error, std::size_t) {
            if (self->state_ != State::reading_body) return;
            self->arm(Milliseconds{});
            const bool full = error == http::error::need_buffer;
            if (error && !full) {
                if (error == http::error::bad_chunk || error == http::error::bad_chunk_extension) {
                    return self->refuse(400, ErrorCode::invalid, "request body: bad chunk framing");
                }
                return self->close();
            }
            self->body_bytes(self->chunk_.size() - self->parser_->get().body().size);
        });
}

void Session::body_bytes(std::size_t count) {
    body_size_ += static_cast<std::int64_t>(count);
    if (body_size_ > body_plan_.size_max.count) {
        return refuse(413, ErrorCode::invalid,
                      fmt::format("body: larger than the {} bytes that are taken",
                                  body_plan_.size_max.count));
    }
    const auto next = [this] { return parser_->is_done() ? body_done() : read_body(); };
    if (spool_ == nullptr || count == 0) {
        request_.body.append(chunk_, 0, count);
        return next();
    }
    spool_->append(chunk_.substr(0, count), [self = shared_from_this()](Status written) {
        if (self->state_ != State::reading_body) return;
        if (!written) {
            const int status = written.error().code == ErrorCode::full ? 507 : 500;
            return self->refuse(status, written.error().code, written.error().reason);
        }
        return self->parser_->is_done() ? self->body_done() : self->read_body();
    });
}

void Session::body_done() {
    chunk_ = {};
    if (spool_ != nullptr) {
        request_.body_file = spool_->path();
        request_.body_file_owner = std::exchange(spool_, nullptr);
    }
    hand_over();
}

void Session::hand_over() {
    state_ = State::handling;
    watch_peer();
    if (context_->service == nullptr) return close();
    context_->service->handle(std::exchange(request_, {}),
                              std::make_shared<SessionExchange>(shared_from_this()));
}

// While a request is handled nothing is read, but a client that goes away must be seen: builds are
// cancelled and follows ended by it.
void Session::watch_peer() {
    if (watching_ || buffer_.size() > 0) return;
    watching_ = true;
    socket_.async_wait(StreamSocket::wait_read,
                       [self = shared_from_this()](beast::error_code error) {
                           self->watching_ = false;
                           if (!error) self->peer_readable();
                       });
}

void Session::peer_readable() {
    if (state_ != State::handling && state_ != State::streaming) return;
    char byte = 0;
    const auto got = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (got > 0) return;  // the next request, sent early: read once this one is answered
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return watch_peer();
    peer_gone();
}

void Session::peer_gone() {
    // Callbacks may drop the exchange, and with it themselves.
    const auto gone = std::exchange(on_gone, nullptr);
    if (gone) gone();
    close();
}

// ---- answering --------------------------------------------------------------------------------

void Session::refuse(int status, ErrorCode code, std::string reason) {
    if (state_ == State::closed || context_->service == nullptr) return close();
    state_ = State::handling;
    keep_alive_ = false;
    arm(Milliseconds{});
    answer(context_->service->refusal(status, Error{code, std::move(reason)}));
}

void Session::answer(const ApiAnswer& answer) {
    if (state_ != State::handling) return;
    state_ = State::closing;
    const auto framing = fmt::format("Content-Length: {}\r\n", answer.body.size());
    queue(head_text(answer, keep_alive_, framing) + answer.body);
}

void Session::begin_stream(const ApiAnswer& head) {
    if (state_ != State::handling) return;
    state_ = State::streaming;
    stream_ended_ = false;
    keep_alive_ = keep_alive_ && chunked_;
    queue(head_text(head, keep_alive_, chunked_ ? "Transfer-Encoding: chunked\r\n" : ""));
}

void Session::write_stream(std::string bytes) {
    if (state_ != State::streaming || stream_ended_ || bytes.empty()) return;
    queue(chunked_ ? fmt::format("{:x}\r\n{}\r\n", bytes.size(), bytes) : std::move(bytes));
}

void Session::end() {
    if (ws_ != nullptr) return ws_->close();
    if (state_ != State::streaming || stream_ended_) return;
    stream_ended_ = true;
    if (chunked_) queue("0\r\n\r\n");
    if (!writing_ && out_.empty()) answer_written();
}

void Session::queue(std::string bytes) {
    if (state_ == State::closed) return;
    out_bytes_ += bytes.size();
    out_.push_back(std::move(bytes));
    if (out_bytes_ > k_api_queue_bytes_max) return peer_gone();
    paused_ = paused_ || out_bytes_ > k_api_queue_bytes_pause;
    if (!writing_) write_next();
}

void Session::write_next() {
    writing_ = true;
    arm_write();
    const auto& front = out_.front();
    socket_.async_write_some(
        asio::buffer(front.data() + out_offset_, front.size() - out_offset_),
        [self = shared_from_this()](beast::error_code error, std::size_t count) {
            self->writing_ = false;
            self->write_timer_.cancel();
            if (self->state_ == State::closed) return;
            if (error) return self->peer_gone();
            self->written(count);
        });
}

void Session::written(std::size_t count) {
    out_bytes_ -= count;
    out_offset_ += count;
    if (out_offset_ == out_.front().size()) {
        out_.pop_front();
        out_offset_ = 0;
    }
    room_made();
    if (state_ == State::closed || writing_) return;
    if (!out_.empty()) return write_next();
    if (state_ == State::closing || (state_ == State::streaming && stream_ended_)) {
        answer_written();
    }
}

void Session::room_made() {
    if (!paused_ || queued_bytes() > k_api_queue_bytes_pause / 2) return;
    paused_ = false;
    if (const auto room = on_room) room();
}

void Session::answer_written() {
    on_message = nullptr;
    on_room = nullptr;
    on_gone = nullptr;
    if (!keep_alive_) return linger();
    // A pending wait of watch_peer() would answer for the next request.
    beast::error_code ignored;
    if (watching_) socket_.cancel(ignored);
    read_head();
}

void Session::linger() {
    state_ = State::closing;
    beast::error_code ignored;
    socket_.shutdown(StreamSocket::shutdown_send, ignored);
    const auto until =
        std::chrono::steady_clock::now() + std::chrono::milliseconds(k_linger_time.count);
    read_timer_.expires_at(until);
    read_timer_.async_wait([self = shared_from_this()](beast::error_code error) {
        if (!error) self->close();
    });
    chunk_.resize(k_read_bytes);
    body_size_ = 0;
    const auto step = std::make_shared<std::function<void()>>();
    *step = [self = shared_from_this(), weak = std::weak_ptr(step)] {
        self->socket_.async_read_some(
            asio::buffer(self->chunk_),
            [self, step = weak.lock()](beast::error_code error, std::size_t count) {
                self->body_size_ += static_cast<std::int64_t>(count);
                const bool enough = self->body_size_ > std::int64_t{k_linger_bytes_max};
                if (error || enough || self->state_ == State::closed) return self->close();
                (*step)();
            });
    };
    (*step)();
}

void Session::exchange_dropped() {
    if (state_ == State::handling && context_->service != nullptr) {
        keep_alive_ = false;
        return answer(context_->service->refusal(
            500, Error{ErrorCode::internal, "the request was given up within the daemon"}));
    }
    if (state_ == State::streaming && !stream_ended_) return close();
    if (ws_ != nullptr) ws_->close();
}

// ---- WebSocket --------------------------------------------------------------------------------

void Session::accept_websocket() {
    if (state_ != State::handling) return;
    state_ = State::websocket;
    beast::error_code ignored;
    socket_.cancel(ignored);
    ws_ = make_ws_line(std::move(socket_), parser_->release(), context_->limits.head_time);
    ws_->start({.message =
                    [self = shared_from_this()](ApiMessageKind kind, std::string bytes) {
                        if (const auto message = self->on_message) message(kind, std::move(bytes));
                    },
                .sent = [self = shared_from_this()] { self->room_made(); },
                .closed =
                    [self = shared_from_this()] {
                        self->state_ = State::closed;
                        const auto gone = std::exchange(self->on_gone, nullptr);
                        self->on_message = nullptr;
                        self->on_room = nullptr;
                        if (gone) gone();
                    }});
}

void Session::send_message(ApiMessageKind kind, std::string bytes) {
    if (ws_ == nullptr || state_ != State::websocket) return;
    ws_->send(kind, std::move(bytes));
    paused_ = paused_ || queued_bytes() > k_api_queue_bytes_pause;
}

void Session::pause_messages() {
    if (ws_ != nullptr) ws_->pause();
}

void Session::resume_messages() {
    if (ws_ != nullptr) ws_->resume();
}

std::size_t Session::queued_bytes() const {
    return ws_ != nullptr ? ws_->queued_bytes() : out_bytes_;
}

// ---- time and end -----------------------------------------------------------------------------

// Zero: no limit.
void Session::arm(Milliseconds time) {
    if (time.count == 0) {
        read_timer_.cancel();
        return;
    }
    read_timer_.expires_after(std::chrono::milliseconds(time.count));
    read_timer_.async_wait([self = shared_from_this()](beast::error_code error) {
        if (!error) self->close();
    });
}

void Session::arm_write() {
    write_timer_.expires_after(std::chrono::milliseconds(context_->limits.stall_time.count));
    write_timer_.async_wait([self = shared_from_this()](beast::error_code error) {
        if (!error) self->peer_gone();
    });
}

void Session::close() {
    if (state_ == State::closed) return;
    state_ = State::closed;
    // Its events hold this session: apart from each other, both go when their last read has ended.
    if (const auto line = std::exchange(ws_, nullptr)) line->cut();
    beast::error_code ignored;
    read_timer_.cancel();
    write_timer_.cancel();
    socket_.close(ignored);
    spool_ = nullptr;
    const auto gone = std::exchange(on_gone, nullptr);
    on_message = nullptr;
    on_room = nullptr;
    if (gone) gone();
}

}  // namespace moln::io
