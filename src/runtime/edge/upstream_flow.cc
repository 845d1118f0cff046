// Connections to instances: taken from the pool or made, given back or closed.
#include <cerrno>
#include <charconv>
#include <utility>

#include <sys/epoll.h>
#include <sys/socket.h>

#include "io/net/socket.h"
#include "runtime/edge/cache_peers.h"
#include "runtime/edge/flow.h"
#include "runtime/edge/socket_io.h"

namespace moln::edge_loop {
namespace {

bool silent(const Upstream& upstream) {
    char byte = 0;
    const auto got = ::recv(upstream.fd.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

// TLS has things of its own to say (a new ticket).
bool is_silent(Core& core, Upstream& upstream) {
    if (upstream.ready.broken || upstream.ready.hung_up) return false;
    Buffer* room = core.buffers.lend();
    if (room == nullptr) return false;
    const auto got = receive(upstream, *room);
    core.buffers.take_back(&room);
    return got.end == IoEnd::would_block;
}

// Nothing has come of it. An event that tells of something may be still to come: what lies there
// now would pass for the answer to the request that is about to be sent (gate 2).
bool still_silent(Core& core, Upstream& upstream) {
    if (!upstream.tls) return silent(upstream);
    upstream.note(EPOLLIN);
    return is_silent(core, upstream);
}

// A repeatable request takes any idle connection: should it be dead, the request is sent again.
// Another one takes only what was busy a moment ago.
Upstream* take_idle(Core& core, const Exchange& exchange, EndpointView& endpoint) {
    const bool repeatable =
        edge::may_repeat(exchange.heads->request.method, retry_mode(*exchange.app));
    while (Upstream* upstream = endpoint.idle.pop_back()) {
        --endpoint.idle_count;
        clear_timer(*upstream);
        const std::int64_t age = core.now_ms - upstream->idle_since_ms;
        const bool young = age < upstream->idle_limit_ms &&
                           (repeatable || age < edge::k_upstream_fresh_limit.count);
        if (young && still_silent(core, *upstream)) return upstream;
        close_upstream(core, *upstream);
    }
    return nullptr;
}

// "Keep-Alive: timeout=5": the instance closes after 5 s, so we do one before.
std::int64_t wanted_idle_ms(const http::ResponseHead& head, Milliseconds most) {
    std::int64_t limit = most.count;
    const auto field = head.fields.first(http::FieldId::keep_alive);
    if (!field) return limit;
    http::for_each_element(*field, [&](std::string_view element) {
        constexpr std::string_view k_timeout = "timeout=";
        if (!element.starts_with(k_timeout)) return;
        element.remove_prefix(k_timeout.size());
        std::int64_t seconds = 0;
        const auto [end, error] =
            std::from_chars(element.data(), element.data() + element.size(), seconds);
        if (error != std::errc{} || seconds < 0 || seconds > 3600) return;
        limit = std::min(limit, seconds * 1000 - 1000);
    });
    return limit;
}

// A connection to another edge. False: no memory.
bool prepare_peer(Upstream& upstream, const PeerLink& link) {
    net::watch_closely(upstream.fd.get());
    if (!link.tls) return true;
    upstream.tls = TlsSession::make(*link.tls, link.spec.host, upstream.fd, upstream.ready);
    return upstream.tls != nullptr;
}

// It is a request's from now on. An instance may take its time, another edge not for ever: whoever
// asks it has others to ask.
void begin_use(Core& core, Upstream& upstream) {
    clear_timer(upstream);
    upstream.state = UpstreamState::busy;
    if (upstream.endpoint->peer) {
        set_timer(core, upstream, core.peer_timers, edge::k_peer_answer_limit);
    }
}

// True once it is done. Failed it is as not connected.
bool shake_hands(Core& core, Upstream& upstream) {
    const IoEnd end = upstream.tls->handshake();
    if (end == IoEnd::some) return true;
    if (end == IoEnd::would_block) return false;
    Client& client = *upstream.exchange->client;
    fail_attempt(core, *upstream.exchange, edge::AttemptEnd::not_connected);
    drive(core, client);
    return false;
}

// Something may lie behind what was read of it, and no event will tell of that again: it would pass
// for the answer to whoever has the connection next (gate 2).
bool has_more(Core& core, Upstream& upstream) {
    if (!upstream.ready.readable) return false;
    if (upstream.tls) return !is_silent(core, upstream);
    if (!silent(upstream)) return true;
    upstream.ready.readable = false;
    return false;
}

}  // namespace

std::expected<Upstream*, ErrorCode> obtain_upstream(Core& core, Exchange& exchange,
                                                    EndpointView& endpoint) {
    if (endpoint.protocol == WebProtocol::h2c) return obtain_h2_stream(core, exchange, endpoint);
    if (!exchange.fresh_only) {
        if (Upstream* upstream = take_idle(core, exchange, endpoint)) {
            begin_use(core, *upstream);
            upstream->reused = true;
            return upstream;
        }
    }
    core.counts.upstream_connects.add(1);
    auto fd = net::connect_tcp(endpoint.cell->address);
    if (!fd) return std::unexpected(fd.error().code);
    Upstream* upstream = core.upstreams.make();
    upstream->fd = std::move(*fd);
    upstream->endpoint = &endpoint;
    // An instance may take its time, but not if its machine is gone.
    net::enable_keepalive(upstream->fd.get());
    if (endpoint.peer && !prepare_peer(*upstream, *endpoint.peer)) {
        core.upstreams.drop(upstream);
        return std::unexpected(ErrorCode::refused);
    }
    if (!core.epoll.add(upstream->fd.get(), net::k_stream_edges, static_cast<Part*>(upstream))) {
        core.upstreams.drop(upstream);
        return std::unexpected(ErrorCode::refused);
    }
    set_timer(core, *upstream, core.connect_timers, edge::k_connect_limit);
    return upstream;
}

void note_keep_alive(const Core& core, Upstream& upstream, const http::ResponseHead& head) {
    upstream.idle_limit_ms = wanted_idle_ms(head, core.limits.upstream_idle);
}

void release_upstream(Core& core, Upstream& upstream) {
    EndpointView& endpoint = *upstream.endpoint;
    core.buffers.take_back(&upstream.in);
    upstream.idle_since_ms = core.now_ms;
    // A server that was told to end waits for its connections: one that drains keeps none of ours.
    const bool wanted = endpoint.current && endpoint.state == EndpointState::active;
    if (!wanted || endpoint.idle_count >= edge::k_upstream_idle_max ||
        upstream.idle_limit_ms <= 0 || has_more(core, upstream)) {
        close_upstream(core, upstream);
        return;
    }
    upstream.state = UpstreamState::idle;
    endpoint.idle.push_back(&upstream);
    ++endpoint.idle_count;
    set_timer(core, upstream, core.upstream_idle_timers, core.limits.upstream_idle);
}

void close_upstream(Core& core, Upstream& upstream) {
    if (upstream.state == UpstreamState::closed) return;
    auto& pool_link = static_cast<edge::ListLink<ByPool>&>(upstream);
    // An orphan is in the worker's list of the closing, and its endpoint may be gone.
    if (upstream.state == UpstreamState::idle && pool_link.linked() &&
        upstream.endpoint != nullptr && upstream.endpoint->idle_count > 0) {
        --upstream.endpoint->idle_count;
    }
    pool_link.unlink();
    clear_timer(upstream);
    upstream.state = UpstreamState::closed;
    upstream.endpoint = nullptr;
    core.buffers.take_back(&upstream.in);
    if (H2Stream* stream = std::exchange(upstream.stream, nullptr)) {
        stream->link->drop(*stream, h2::ErrorCode::cancel);
    }
    upstream.fd.reset();
    core.dead_upstreams.push_back(&upstream);
}

void on_upstream_event(Core& core, Upstream& upstream, std::uint32_t events) {
    upstream.note(events);
    if (upstream.h2) {
        on_carrier_event(core, upstream);
        return;
    }
    switch (upstream.state) {
        case UpstreamState::closed: return;
        case UpstreamState::idle:
            // Silence is all that an idle connection may bring (gate 2).
            if (upstream.tls) {
                if (!is_silent(core, upstream)) close_upstream(core, upstream);
                return;
            }
            if (upstream.ready.readable || upstream.ready.broken) close_upstream(core, upstream);
            return;
        case UpstreamState::connecting:
            if (upstream.ready.broken || net::connect_error(upstream.fd.get()) != 0) {
                Client& client = *upstream.exchange->client;
                fail_attempt(core, *upstream.exchange, edge::AttemptEnd::not_connected);
                drive(core, client);
                return;
            }
            if (!upstream.ready.writable) return;
            if (upstream.tls) {
                upstream.state = UpstreamState::handshake;
                if (!shake_hands(core, upstream)) return;
            }
            begin_use(core, upstream);
            break;
        case UpstreamState::handshake:
            if (!shake_hands(core, upstream)) return;
            begin_use(core, upstream);
            break;
        case UpstreamState::busy: break;
    }
    drive(core, *upstream.exchange->client);
}

void on_upstream_timer(Core& core, Upstream& upstream) {
    if (upstream.h2) {
        on_carrier_timer(core, upstream);
        return;
    }
    if (upstream.state == UpstreamState::idle) {
        close_upstream(core, upstream);
        return;
    }
    Exchange& exchange = *upstream.exchange;
    Client& client = *exchange.client;
    const bool busy = upstream.state == UpstreamState::busy;
    if (busy && !upstream.endpoint->peer && exchange.stage == ResponseStage::head) {
        on_silence(core, upstream);
        return;
    }
    if (upstream.stream != nullptr) {
        upstream.stream->end_is_late = true;
        drive(core, client);
        return;
    }
    fail_attempt(core, exchange, busy ? edge::AttemptEnd::broken : edge::AttemptEnd::not_connected);
    drive(core, client);
}

}  // namespace moln::edge_loop
