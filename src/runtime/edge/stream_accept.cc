// Where streams come from: the sockets that the daemon opened for us, and what is accepted there.
#include <algorithm>
#include <cerrno>

#include <sys/socket.h>

#include "io/net/socket.h"
#include "runtime/edge/say.h"
#include "runtime/edge/stream_flow.h"

namespace moln::edge_loop {
namespace {

// The workers wait on one socket: one of them is woken for a connection, not all.
constexpr std::uint32_t k_listener_events = EPOLLIN | EPOLLEXCLUSIVE;

void add_stream(Core& core, const StreamListener& listener, Fd fd, const net::SocketAddress& peer) {
    Stream* stream = core.streams.slab.make();
    stream->client.fd = std::move(fd);
    stream->listen = listener.socket->listen;
    stream->peers.family = proxy_address(peer, stream->peers.source);
    if (!core.epoll.add(stream->client.fd.get(), net::k_stream_edges,
                        static_cast<Part*>(&stream->client))) {
        core.counts.accept_failures.add(1);
        core.streams.slab.drop(stream);
        return;
    }
    core.counts.clients_total.add(1);
    core.counts.clients_open.add(1);
    core.counts.streams_open.add(1);
    core.counts.streams_total.add(1);
    stream->begun_us = core.now_us;
    stream->begun_wall_ms = core.wall_ms;
    core.streams.all.push_back(stream);
    set_timer(core, *stream, core.streams.preface_timers, core.limits.head);
    net::enable_keepalive(stream->client.fd.get());
    drive_stream(core, *stream);
}

void pause(Core& core) {
    core.counts.accept_failures.add(1);
    core.accept_paused_until_ms = core.now_ms + edge::k_accept_pause.count;
    if (std::exchange(core.streams.paused, true)) return;
    for (const auto& listener : core.streams.listeners) unwatch(core, *listener);
}

void listen_on(Core& core, const std::shared_ptr<const ListenSocket>& socket) {
    for (const Fd& fd : socket->fds) {
        auto listener = std::make_unique<StreamListener>(socket, fd.get());
        if (!core.streams.paused) watch(core, *listener, k_listener_events);
        core.streams.listeners.push_back(std::move(listener));
    }
}

}  // namespace

void watch(Core& core, SocketListener& listener, std::uint32_t events) {
    if (listener.watched) return;
    const Status added = core.epoll.add(listener.fd, events, static_cast<Part*>(&listener));
    listener.watched = added.has_value();
    const bool was_refused = std::exchange(listener.refused, !listener.watched);
    const auto listen = listener.socket->listen.text();
    if (listener.watched) {
        if (was_refused) say("listener_watched", "listen={}", listen);
        return;
    }
    core.counts.accept_failures.add(1);
    core.listen_retry_ms = core.now_ms + edge::k_listen_retry_pause.count;
    if (!was_refused) {
        say("listener_unwatched", "listen={} reason={}; it is tried again every {} ms", listen,
            added.error().reason, edge::k_listen_retry_pause.count);
    }
}

void unwatch(Core& core, SocketListener& listener) {
    // The descriptor lives on in other workers: closing ours would not take it out.
    if (std::exchange(listener.watched, false)) (void)core.epoll.remove(listener.fd);
}

void retry_listening(Core& core) {
    if (core.listen_retry_ms == 0 || core.now_ms < core.listen_retry_ms) return;
    core.listen_retry_ms = 0;
    if (core.stopping) return;
    for (const auto& listener : core.datagrams.listeners) watch(core, *listener, EPOLLIN);
    if (core.streams.paused) return;  // then all are tried at its end
    for (const auto& listener : core.streams.listeners) watch(core, *listener, k_listener_events);
}

edge::ProxyFamily proxy_address(const net::SocketAddress& address, edge::ProxyAddress& out) {
    out.port = address.port();
    switch (address.write_ip_bytes(out.ip)) {
        case 4: return edge::ProxyFamily::ipv4;
        case 16: return edge::ProxyFamily::ipv6;
        default: return edge::ProxyFamily::unknown;
    }
}

void set_stream_sockets(Core& core, const ListenSockets& sockets) {
    auto& listeners = core.streams.listeners;
    const auto is_wanted = [&](const auto& listener) {
        return std::ranges::find(sockets, listener->socket) != sockets.end();
    };
    const auto unwanted = std::ranges::partition(listeners, is_wanted);
    for (auto& listener : unwanted) {
        unwatch(core, *listener);
        core.streams.dead_listeners.push_back(std::move(listener));
    }
    listeners.erase(unwanted.begin(), unwanted.end());
    if (core.stopping) return;
    for (const auto& socket : sockets) {
        if (socket->listen.protocol != Protocol::tcp) continue;
        const bool known = std::ranges::any_of(
            listeners, [&](const auto& listener) { return listener->socket == socket; });
        if (!known) listen_on(core, socket);
    }
}

bool accept_streams(Core& core, StreamListener& listener) {
    for (int i = 0; i < edge::k_accept_batch; ++i) {
        sockaddr_storage peer{};
        socklen_t length = sizeof peer;
        Fd fd(accept4(listener.fd, reinterpret_cast<sockaddr*>(&peer), &length,
                      SOCK_NONBLOCK | SOCK_CLOEXEC));
        if (!fd.valid()) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
                pause(core);
            }
            return false;
        }
        if (core.counts.clients_open.get() >= core.limits.clients_max) {
            core.counts.clients_refused.add(1);
            net::abort_on_close(fd.get());
            continue;
        }
        add_stream(core, listener, std::move(fd), net::SocketAddress::from_sockaddr(peer, length));
    }
    return true;
}

void stop_accepting_streams(Core& core) {
    for (const auto& listener : core.streams.listeners) {
        for (int i = 0; i < k_last_batches_max && accept_streams(core, *listener); ++i) {
        }
    }
    set_stream_sockets(core, {});
}

void leave_stream_sockets(Core& core) {
    set_stream_sockets(core, {});
}

void resume_accepting_streams(Core& core) {
    if (!std::exchange(core.streams.paused, false)) return;
    for (const auto& listener : core.streams.listeners) watch(core, *listener, k_listener_events);
}

void drop_dead_streams(Core& core) {
    for (Stream* stream : core.streams.dead) core.streams.slab.drop(stream);
    core.streams.dead.clear();
    core.streams.dead_listeners.clear();
}

}  // namespace moln::edge_loop
