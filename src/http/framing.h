// What follows a head: the body's framing, whether the connection lives on, whether it becomes a
// tunnel (RFC 9112 6 and 9, RFC 9110 7.8). Pure functions of parsed heads.
#pragma once

#include <cstdint>
#include <string_view>

#include "http/head.h"

namespace moln::http {

enum class BodyKind : std::uint8_t {
    none,         // the next message begins at once
    length,       // exactly `length` bytes; never 0: that is `none`
    chunked,      // chunked.h
    until_close,  // responses only
    tunnel,       // after 101: bytes both ways, no messages any more
};

struct BodyFraming {
    BodyKind kind = BodyKind::none;
    std::uint64_t length = 0;
    friend bool operator==(const BodyFraming&, const BodyFraming&) = default;
};

BodyFraming request_body(const RequestHead& head);

// What was asked decides how the answer is read.
struct RequestContext {
    Method method = Method::get;
    bool upgrade_sent = false;  // our request upstream had Upgrade
};
// A 101 that we did not ask for is `none` with 101 in head.status: the caller refuses it with
// unexpected_switch() and closes that upstream connection.
BodyFraming response_body(const ResponseHead& head, const RequestContext& context);
// Does an answer without a body speak of one, as to HEAD, or as a 304 with a length may? Who sends
// that all the same would have it taken for the next answer.
bool withholds_body(const ResponseHead& head, Method method);
// A 101 without an upgrade sent, or to another protocol than `protocol` (the one we sent).
bool unexpected_switch(const ResponseHead& head, std::string_view protocol);

enum class Persistence : std::uint8_t { close, keep_alive };

// What the sender of this head allows: HTTP/1.1 unless `close`; HTTP/1.0 only with `keep-alive`.
Persistence request_persistence(const RequestHead& head);
// Also `close` when the body ends by closing or the connection became a tunnel.
Persistence response_persistence(const ResponseHead& head, const BodyFraming& body);

enum class UpgradeKind : std::uint8_t {
    none,       // no Upgrade is passed on; the request is served as a plain one
    websocket,  // RFC 6455 handshake with all its fields
    other,      // some other single protocol
};

struct UpgradeWish {
    UpgradeKind kind = UpgradeKind::none;
    std::string_view protocol;  // view into the head's buffer: "websocket"
};

// `none` also for HTTP/1.0, a request with a body, several protocols, an incomplete WebSocket
// handshake, and for h2c, HTTP and TLS, which would hide requests from the edge. A server may
// ignore Upgrade (RFC 9110 7.8), so none of these is an error.
UpgradeWish upgrade_wish(const RequestHead& head);

}  // namespace moln::http
