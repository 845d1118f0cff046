// One connection of the API server: reads requests one after the other, hands them to the service,
// writes what it answers. A state machine over asynchronous reads and writes. Internal to io/api.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>

#include "base/secret.h"
#include "io/api/server.h"
#include "io/api/spool.h"
#include "io/api/ws_line.h"
#include "ports/api_service.h"
#include "ports/pool.h"

namespace moln::io {

// What sessions share; outlives them in memory, but `service` is cleared when the server ends.
struct SessionContext {
    Loop* loop = nullptr;
    ApiService* service = nullptr;
    ApiServerLimits limits;
    Secret token;  // empty: the socket's permissions are the authorisation
};

class Session final : public std::enable_shared_from_this<Session> {
public:
    Session(StreamSocket socket, std::shared_ptr<SessionContext> context, bool needs_token);

    void start();
    // Answers 503 and closes: the server has as many connections as it takes.
    void refuse_crowded();
    void cut();

    // ---- for the exchange of the request being handled ----
    void answer(const ApiAnswer& answer);
    void begin_stream(const ApiAnswer& head);
    void write_stream(std::string bytes);
    void end();
    void accept_websocket();
    void send_message(ApiMessageKind kind, std::string bytes);
    void pause_messages();
    void resume_messages();
    void exchange_dropped();
    std::size_t queued_bytes() const;
    std::function<void(ApiMessageKind, std::string)> on_message;
    std::function<void()> on_room;
    std::function<void()> on_gone;

private:
    enum class State {
        reading_head,
        reading_body,
        handling,
        streaming,
        websocket,
        closing,
        closed
    };
    using Parser = boost::beast::http::request_parser<boost::beast::http::buffer_body>;

    void read_head();
    void head_read();
    bool authorised(const ApiHead& head);
    void begin_body(const ApiBodyPlan& plan);
    void read_body();
    void body_bytes(std::size_t count);
    void body_done();
    void hand_over();

    void refuse(int status, ErrorCode code, std::string reason);
    void queue(std::string bytes);
    void write_next();
    void written(std::size_t count);
    void answer_written();
    void linger();
    void watch_peer();
    void peer_readable();
    void peer_gone();
    void room_made();
    void arm(Milliseconds time);
    void arm_write();
    void close();

    StreamSocket socket_;
    std::shared_ptr<SessionContext> context_;
    bool needs_token_;
    State state_ = State::reading_head;
    boost::beast::flat_buffer buffer_;
    std::optional<Parser> parser_;
    boost::asio::steady_timer read_timer_;
    boost::asio::steady_timer write_timer_;

    ApiRequest request_;
    ApiBodyPlan body_plan_;
    std::string chunk_;
    std::int64_t body_size_ = 0;
    std::shared_ptr<Spool> spool_;

    std::deque<std::string> out_;
    std::size_t out_offset_ = 0;
    std::size_t out_bytes_ = 0;
    bool writing_ = false;
    bool paused_ = false;      // the queue has been above k_api_queue_bytes_pause
    bool chunked_ = false;     // the stream's framing; HTTP/1.0 gets none
    bool keep_alive_ = false;  // after this answer
    bool stream_ended_ = false;
    bool watching_ = false;
    std::shared_ptr<WsLine> ws_;
};

}  // namespace moln::io
