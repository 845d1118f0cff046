// One accepted WebSocket connection: frames in and out, held apart from the HTTP session because
// Beast's WebSocket is heavy to compile. Internal to io/api.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/message.hpp>

#include "base/units.h"
#include "ports/api_service.h"

namespace moln::io {

using StreamSocket = boost::asio::generic::stream_protocol::socket;
using HttpRequest = boost::beast::http::request<boost::beast::http::buffer_body>;

// Largest message taken from a client: a terminal's paste in one piece.
inline constexpr std::size_t k_ws_message_bytes_max = 1u << 20;

class WsLine {
public:
    struct Events {
        std::function<void(ApiMessageKind, std::string)> message;
        std::function<void()> sent;    // some of the queue went out
        std::function<void()> closed;  // once; nothing comes after it
    };
    virtual ~WsLine() = default;
    virtual void start(Events events) = 0;
    virtual void send(ApiMessageKind kind, std::string bytes) = 0;
    // No more messages until resumed; that the client has gone is told nevertheless.
    virtual void pause() = 0;
    virtual void resume() = 0;
    virtual void close() = 0;  // after what is queued
    virtual void cut() = 0;    // at once
    virtual std::size_t queued_bytes() const = 0;
};

std::shared_ptr<WsLine> make_ws_line(StreamSocket socket, HttpRequest handshake,
                                     Milliseconds handshake_time);

}  // namespace moln::io
