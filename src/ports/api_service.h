// What an HTTP server asks of the API, and what the API asks of a connection: the seam between
// io/api (sockets, framing, limits in bytes) and api/ (resources). All on the loop thread.
//
// For each request the server calls take_body() when the head is read, reads the body as told, and
// calls handle() once. The service answers through the exchange, at once or later: one answer(), or
// begin_stream() with write()s and end(), or accept_websocket() with messages both ways.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "base/units.h"

namespace moln {

struct ApiHead {
    std::string method;
    std::string target;                          // path and query as sent
    std::map<std::string, std::string> headers;  // lower-case names; a repeated one joined by ", "
    bool websocket = false;                      // a well-formed WebSocket handshake
};

struct ApiAnswer {
    int status = 200;
    std::string content_type = "application/json";
    std::map<std::string, std::string> headers;
    std::string body;
};

// Where the body goes. A file is made by the server at `path` and removed when the last reference
// to ApiRequest::body_file_owner is dropped.
struct ApiBodyPlan {
    Bytes size_max;
    std::string path;  // "": to memory
};

struct ApiRequest {
    ApiHead head;
    std::string body;
    std::string body_file;
    std::shared_ptr<void> body_file_owner;
};

enum class ApiMessageKind { bytes, text };

// Above this much unsent a producer pauses until on_room(); at the maximum the server cuts the
// connection: the client reads too slowly.
inline constexpr std::size_t k_api_queue_bytes_pause = 8u << 20;
inline constexpr std::size_t k_api_queue_bytes_max = 32u << 20;

// One request's line back to its client. Dropped without an answer it answers 500; dropped within a
// stream it cuts the connection, so that the client sees that the stream is not whole.
class ApiExchange {
public:
    virtual ~ApiExchange() = default;

    virtual void answer(ApiAnswer answer) = 0;

    virtual void begin_stream(ApiAnswer head) = 0;
    virtual void write(std::string bytes) = 0;
    virtual void end() = 0;

    virtual void accept_websocket() = 0;
    virtual void send(ApiMessageKind kind, std::string bytes) = 0;  // end() closes
    virtual void on_message(std::function<void(ApiMessageKind, std::string)> callback) = 0;
    // Takes no more messages: the client waits with what it sends. That it goes is still noticed.
    virtual void pause_messages() = 0;
    virtual void resume_messages() = 0;

    virtual std::size_t queued_bytes() const = 0;
    // Called when the queue has fallen below half of k_api_queue_bytes_pause after being above.
    virtual void on_room(std::function<void()> callback) = 0;
    // Called once when the client has gone before the end; nothing written afterwards arrives.
    virtual void on_gone(std::function<void()> callback) = 0;
};

class ApiService {
public:
    virtual ~ApiService() = default;
    // The answer to give at once, without reading a body, or where the body is to go.
    virtual std::expected<ApiBodyPlan, ApiAnswer> take_body(const ApiHead& head) = 0;
    virtual void handle(ApiRequest request, std::shared_ptr<ApiExchange> exchange) = 0;
    // The answer for what the server itself refuses (bad framing, too large), in the API's shape.
    virtual ApiAnswer refusal(int status, const Error& error) const = 0;
};

}  // namespace moln
