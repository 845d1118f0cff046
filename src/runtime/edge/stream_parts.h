// Streams: TCP connections that are passed on without HTTP. What a worker holds of them; the flows
// in stream_flow.h change it. Plain state, one thread.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "edge/hold.h"
#include "edge/postgres_request.h"
#include "edge/proxy_header.h"
#include "edge/stream_line.h"
#include "io/net/address.h"
#include "model/listen.h"
#include "runtime/edge/listen_sockets.h"
#include "runtime/edge/parts.h"
#include "runtime/edge/slab.h"

namespace moln::edge_loop {

struct Stream;
struct ByStream;

// One socket of a `listen`.
struct SocketListener : Part {
    SocketListener(PartKind its_kind, std::shared_ptr<const ListenSocket> its_socket, int its_fd)
        : Part{its_kind}, socket(std::move(its_socket)), fd(its_fd) {}
    std::shared_ptr<const ListenSocket> socket;
    int fd;                // the socket's
    bool watched = false;  // epoll tells of it
    bool refused = false;  // the kernel would not, when it was last asked to
};

// All workers wait for the same one.
struct StreamListener : SocketListener {
    StreamListener(std::shared_ptr<const ListenSocket> its_socket, int its_fd)
        : SocketListener(PartKind::stream_listener, std::move(its_socket), its_fd) {}
};

struct StreamEnd : Part {
    explicit StreamEnd(Stream& its_stream) : Part{PartKind::stream_end}, stream(its_stream) {}

    Stream& stream;
    Fd fd;
    Readiness ready;
    Buffer* in = nullptr;  // received here, not yet sent to the other end
    std::uint64_t received = 0;
    bool ended = false;     // will send nothing more
    bool told_end = false;  // knows that the other end has ended
};

enum class StreamState : std::uint8_t {
    preface,     // a PROXY header or a ClientHello is read
    held,        // no instance is ready
    connecting,  // to an instance
    asking,      // a PostgreSQL instance whether it speaks TLS
    open,
    closed,  // dropped at the end of the loop's turn
};

struct Stream : Opening,
                Attempts,
                Timed,
                edge::ListLink<ByHold>,
                edge::ListLink<ByAgain>,
                edge::ListLink<ByStream> {
    Stream() : client(*this), instance(*this) {}

    StreamState state = StreamState::preface;
    Listen listen;
    StreamEnd client;
    StreamEnd instance;
    AppView* app = nullptr;
    std::uint16_t port = 0;  // of the instances; 0: the endpoint's own
    SendProxy send_proxy = SendProxy::none;
    Milliseconds idle{0};

    bool proxy_read = false;   // the PROXY header, or none is expected
    bool told_peers = false;   // by its PROXY header
    edge::ProxyHeader peers;   // else of the socket, its destination only once it is needed
    std::string name;          // that its ClientHello asks for
    bool gss_refused = false;  // the client asked for that before
    bool postgres = false;  // it asked for TLS as PostgreSQL has it, and the instance is asked so
    std::array<char, edge::k_proxy_written_max + edge::k_ssl_request.size()>
        head;  // to the instance, ahead of all else
    std::size_t head_size = 0;
    std::size_t head_sent = 0;

    std::int64_t begun_us = 0;
    std::int64_t begun_wall_ms = 0;
};

// All of one worker's.
struct Streams {
    Slab<Stream> slab;
    edge::List<Stream, ByStream> all;
    edge::List<Stream, ByAgain> again;  // not done, but had their share of this turn
    edge::List<Stream, ByTimer> preface_timers, connect_timers, half_closed_timers;
    std::map<std::int64_t, edge::List<Stream, ByTimer>> idle_timers;  // by their duration in ms
    std::vector<std::unique_ptr<StreamListener>> listeners;
    std::vector<std::unique_ptr<StreamListener>> dead_listeners;  // events may still name them
    std::vector<Stream*> dead;
    bool paused = false;  // out of descriptors: nothing is accepted for a moment
};

}  // namespace moln::edge_loop
