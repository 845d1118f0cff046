// What a worker's loop deals with: client connections, upstream connections, and exchanges, which
// are one request and its response between the two. Plain state; the flows change it.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <netinet/in.h>

#include "edge/balance.h"
#include "edge/cache/peer_choice.h"
#include "edge/hold.h"
#include "edge/limits.h"
#include "edge/list.h"
#include "edge/retry.h"
#include "http/chunked.h"
#include "http/framing.h"
#include "http/head.h"
#include "http/trace.h"
#include "io/file/fd.h"
#include "model/app_config.h"
#include "runtime/edge/auth_wait.h"
#include "runtime/edge/buffer.h"
#include "runtime/edge/h2_connection.h"
#include "runtime/edge/h2_upstream.h"
#include "runtime/edge/password_checker.h"
#include "runtime/edge/readiness.h"
#include "runtime/edge/replay_store.h"
#include "runtime/edge/tls_session.h"

namespace moln::edge_loop {

struct AppView;
struct CacheVisit;
struct FileBody;
struct EndpointCell;
struct EndpointView;
struct Exchange;
class InnerSink;
struct Pipe;

// An epoll tag points to one of these.
enum class PartKind : std::uint8_t {
    listener,
    wake,
    client,
    upstream,
    stream_listener,
    stream_end,
    datagram_listener,
    datagram_flow,
};
struct Part {
    PartKind kind;
};

struct ByTimer;
struct ByAge;
struct ByAgain;
struct ByPool;
struct ByHold;
struct ByVisit;
struct ByPassword;
struct ByFile;

// A list of equal durations is sorted by deadline without sorting.
struct Timed : edge::ListLink<ByTimer> {
    std::int64_t deadline_ms = 0;
};

// Where either end's bytes come from and go to: a socket, TLS over one, or a stream of HTTP/2.
struct Connection {
    Fd fd;
    Readiness ready;
    std::unique_ptr<TlsSession> tls;  // null: none is spoken here
    H2Stream* stream = nullptr;       // instead of a socket

    void note(std::uint32_t events) {
        ready.note(events);
        if (tls) tls->note(events);
    }
};

enum class ClientState : std::uint8_t {
    handshake,   // of TLS
    idle,        // between requests, no buffer
    head,        // some of a request head is here
    exchange,    // a request is being answered
    tunnel,      // upgraded
    http2,       // its streams are Clients of their own
    discarding,  // answered; the rest of the request body is read and dropped
    lingering,   // answered and shut; what the client still sends is dropped until it closes
    closed,      // dropped at the end of the loop's turn
};

// A connection with its request at a time, or one stream of an HTTP/2 connection.
struct Client : Part, Connection, Timed, edge::ListLink<ByAge>, edge::ListLink<ByAgain> {
    Client() : Part{PartKind::client} {}

    ClientState state = ClientState::idle;
    bool ended = false;  // the client will send nothing more
    bool fresh = true;   // no request was read from it yet
    Buffer* in = nullptr;
    Exchange* exchange = nullptr;
    std::unique_ptr<H2Connection> h2;  // of state http2
    Client* carrier = nullptr;         // of a stream: the client that has the socket
    InnerSink* sink = nullptr;         // of a request that the edge makes: there is no connection
    std::uint64_t discarded = 0;
    std::uint16_t edge_port = 0;
    std::uint8_t address_size = 0;
    std::array<char, INET6_ADDRSTRLEN> address_text;

    // Whose socket, address and TLS these are.
    const Client& link() const { return carrier == nullptr ? *this : *carrier; }
    std::string_view address() const { return {address_text.data(), address_size}; }
};

enum class UpstreamState : std::uint8_t {
    connecting,
    handshake,  // of TLS
    busy,
    idle,
    closed,
};

struct Upstream : Part, Connection, Timed, edge::ListLink<ByPool> {
    Upstream() : Part{PartKind::upstream} {}

    UpstreamState state = UpstreamState::connecting;
    bool reused = false;  // it, or the connection whose stream it is, was idle before
    bool ended = false;   // the instance will send nothing more
    Buffer* in = nullptr;
    EndpointView* endpoint = nullptr;
    Exchange* exchange = nullptr;
    std::unique_ptr<H2Upstream> h2;  // its requests are the streams', each an Upstream
    std::int64_t idle_since_ms = 0;
    std::int64_t idle_limit_ms = edge::k_upstream_idle_limit.count;  // the instance may want less
};

// The parsed heads, about 2.5 KiB: lent for as long as they are looked at.
struct Heads {
    http::RequestHead request;
    http::HeadCursor request_cursor;
    http::ResponseHead response;
    http::HeadCursor response_cursor;
};

enum class ResponseStage : std::uint8_t {
    head,      // awaited
    body,      // being passed on
    local,     // ours, wholly in to_client
    cache,     // waits for a fetch, or is served from what is stored
    password,  // waits for it to be checked
    file,      // one is sent
    auth,      // waits for a process to say whether it may come in
    done,
};

// One direction's body while it is read.
struct BodyReader {
    http::BodyFraming framing;
    std::uint64_t left = 0;  // of kind length
    http::ChunkedDecoder chunks;
    bool complete = true;

    void start(const http::BodyFraming& what);
};

// Kept for the log when an exchange becomes a tunnel and its heads go.
struct TunnelName {
    std::string method, host, path;
};

// Something open at an endpoint, which its drain waits for.
struct Opening : edge::ListLink<ByAge> {
    EndpointView* endpoint = nullptr;  // that the open counts name
    bool tunnel = false;
    bool admitted = false;  // counts against its endpoint's concurrency
    std::int64_t open_since_ms = 0;
};

// What was tried for a request or a stream, and how it waited when no endpoint took it.
struct Attempts {
    std::array<const EndpointCell*, edge::k_attempts_max> tried{};  // compared, never looked into
    std::uint32_t tried_count = 0;
    std::uint32_t attempts = 0;  // since it was last held, and those in `seen`
    std::uint32_t seen = 0;      // after which an instance may have seen it: waiting forgets none
    std::uint32_t retries = 0;
    edge::HoldCause held_cause = edge::HoldCause::none_ready;  // why it waits, or last did
    std::int64_t held_since_us = 0;
    edge::HoldSince held_since;  // first_ms 0: it has never waited
    std::int64_t held_retry_ms = 0;
    std::int64_t queue_us = 0;  // that it has waited in all
    edge::Preference wish;

    bool is_new() const { return held_since.first_ms == 0 && attempts == 0; }
};

// A request whose password is being checked.
struct PasswordVisit : edge::ListLink<ByPassword> {
    Exchange* exchange = nullptr;
    std::shared_ptr<PasswordCheck> check;
    bool nobody = false;  // no user has that name: it is wrong whatever the check says
    std::string realm;
};

// The try at an instance that is under way, of a request whose trace is sampled.
struct TrySpan {
    std::array<std::uint8_t, 8> id = {};
    std::int64_t begun_us = 0;
    std::uint32_t before = 0;  // tries of the request
    bool open = false;         // it has a span
};

struct Exchange : Opening, Attempts, edge::ListLink<ByHold> {
    Client* client = nullptr;
    Upstream* upstream = nullptr;
    AppView* app = nullptr;
    Heads* heads = nullptr;
    Buffer* to_upstream = nullptr;  // heads and framing ahead of the body in client->in
    Buffer* to_client = nullptr;    // heads and framing ahead of the body in upstream->in
    Pipe* pipe = nullptr;           // that the rest of the response's body goes through

    // Request. client->in holds its head at in->begin and keeps it to the end, for the log and
    // for a repeat; of a body what was not passed on, and behind the head what was, as long as
    // there is room.
    BodyReader request_body;
    std::size_t head_end = 0;  // in client->in
    std::size_t body_at = 0;   // in client->in: the first body byte not passed on
    http::Version version = http::Version::http_1_1;
    std::uint64_t replay_max = edge::k_replay_memory_max;  // of the body, kept for a repeat
    std::unique_ptr<ReplayFile> replay;  // what was passed on of it and left client->in
    bool replay_lost = false;            // some of the body that was passed on is gone
    bool request_sent = false;           // all of it, upstream
    bool request_cut = false;            // the instance reads no more of it
    bool fresh_only = false;             // a pooled connection was dead already
    edge::AskedBy asked_by = edge::AskedBy::client;
    std::string_view peer_scheme;  // that another edge's client used
    bool continued = false;        // 100 was passed on, or said
    bool begin_said = false;       // k_answer_begin was
    http::UpgradeWish upgrade;
    Buffer* request_trailers = nullptr;  // field lines, of a chunked body for who takes them

    // Response.
    ResponseStage stage = ResponseStage::head;
    BodyReader response_body;
    http::BodyKind client_body = http::BodyKind::none;
    bool client_begun = false;  // the client has, or will have, some of the final response
    bool keep_client = false;
    std::uint16_t status = 0;
    std::string_view error;        // why there is no answer of an instance, or not all of it
    std::uint32_t route_slot = 0;  // where its route is counted
    std::uint32_t hsts_s = 0;      // of the route, over TLS
    std::uint32_t interim = 0;
    std::uint64_t body_bytes_sent = 0;
    std::size_t local_head = 0;           // bytes in to_client ahead of a body that is there, too
    bool wants_trailers = false;          // the client does
    Buffer* response_trailers = nullptr;  // field lines, of a chunked body

    bool instance_told_end = false;  // of a tunnel: the client's end was passed on
    bool client_told_end = false;    // the instance's end was passed on

    std::int64_t begun_us = 0;
    std::int64_t begun_wall_ms = 0;
    http::TraceContext trace;                      // as instances are told of it
    std::array<std::uint8_t, 8> caller_span = {};  // parent of its span; zeros: it has none
    bool recorded = false;                         // a span is made of it
    bool tries_recorded = false;                   // and of its tries at instances
    TrySpan attempt;
    std::uint16_t route_path_bytes = 0;  // of its path; 0: no route matched
    TunnelName* tunnel_name = nullptr;
    CacheVisit* visit = nullptr;              // of a route with a cache
    FileBody* file_body = nullptr;            // of stage file, and of the cache's disk
    std::unique_ptr<PasswordVisit> password;  // of stage password
    bool mirror = false;                      // a copy of it is to go to the canary
    bool mirrored = false;                    // it is such a copy: not held, nor repeated
    std::unique_ptr<AuthWait> auth;           // of stage auth
    std::string_view client_cert;             // Client-Cert, of the client's TLS; "": none
    bool authenticated = false;               // the name in its Authorization is who it is
    bool vouched = false;       // fields of it are those that a process of its app has said,
    bool vouched_user = false;  // X-Forwarded-User among them
};

}  // namespace moln::edge_loop
