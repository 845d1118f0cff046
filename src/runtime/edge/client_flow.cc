// A client connection: accepted, read until a request's head is whole, driven through exchanges,
// drained or closed when it ends.
#include <cerrno>
#include <utility>

#include <sys/socket.h>

#include "io/net/socket.h"
#include "runtime/edge/cache_flow.h"
#include "runtime/edge/file_flow.h"
#include "runtime/edge/flow.h"
#include "runtime/edge/forward_auth.h"
#include "runtime/edge/inner_sink.h"
#include "runtime/edge/site_flow.h"
#include "runtime/edge/socket_io.h"

namespace moln::edge_loop {
namespace {

// Steps of one client before others have their turn.
constexpr int k_steps_per_turn = 32;

bool begin_tls(Core& core, Client& client) {
    client.tls = TlsSession::make(*core.tls, core.views.sites(), client.fd, client.ready);
    client.state = ClientState::handshake;
    return client.tls != nullptr;
}

void add_client(Core& core, Listener& listener, Fd fd, const sockaddr_storage& peer,
                socklen_t length) {
    Client* client = core.clients.make();
    client->fd = std::move(fd);
    client->edge_port = listener.port;
    const auto address = net::SocketAddress::from_sockaddr(peer, length);
    client->address_size = static_cast<std::uint8_t>(
        address.write_ip(client->address_text.data(), client->address_text.size()));
    const bool good = !listener.tls || begin_tls(core, *client);
    if (!good ||
        !core.epoll.add(client->fd.get(), net::k_stream_edges, static_cast<Part*>(client))) {
        core.counts.accept_failures.add(1);
        core.clients.drop(client);
        return;
    }
    core.counts.clients_total.add(1);
    core.counts.clients_open.add(1);
    core.all_clients.push_back(client);
    set_timer(core, *client, core.head_timers, core.limits.head);
}

// Out of descriptors or memory: leaves the backlog alone for a moment instead of spinning.
void pause_accepting(Core& core) {
    core.counts.accept_failures.add(1);
    core.accept_paused_until_ms = core.now_ms + edge::k_accept_pause.count;
    for (Listener& listener : core.listeners) {
        if (listener.fd.valid()) {
            (void)core.epoll.modify(listener.fd.get(), 0, static_cast<Part*>(&listener));
        }
    }
}

void become_idle(Core& core, Client& client) {
    core.buffers.take_back(&client.in);
    if ((core.stopping && !core.leaving) || client.ended) {
        close_client(core, client);
        return;
    }
    client.state = ClientState::idle;
    set_timer(core, client, core.idle_timers, core.limits.idle);
}

Flow step_handshake(Core& core, Client& client) {
    switch (client.tls->handshake()) {
        case IoEnd::would_block: return Flow::wait;
        case IoEnd::some: break;
        default:
            core.counts.tls_handshake_failures.add(1);
            close_client(core, client);
            return Flow::gone;
    }
    core.counts.tls_handshakes.add(1);
    if (client.tls->resumed()) core.counts.tls_resumptions.add(1);
    if (client.tls->is_challenge()) {
        close_client(core, client);
        return Flow::gone;
    }
    client.state = ClientState::idle;
    if (client.tls->protocol() == "h2") return begin_http2(core, client);
    // A client without TCP_NODELAY keeps its request back until its last word is acknowledged,
    // which the kernel would do 40 ms later if it had nothing to send.
    if (!client.ready.readable) client.tls->send_held();
    return Flow::progress;
}

enum class Preface : std::uint8_t { none, some, whole };

// HTTP/2 with prior knowledge, without TLS (RFC 9113 3.3).
Preface preface_in(const Client& client) {
    const auto got = client.in->view();
    if (!client.fresh || client.tls ||
        !h2::k_preface.starts_with(got.substr(0, h2::k_preface.size()))) {
        return Preface::none;
    }
    return got.size() < h2::k_preface.size() ? Preface::some : Preface::whole;
}

// Reads until a head is whole. progress: there is an exchange now.
Flow step_head(Core& core, Client& client) {
    for (;;) {
        if (client.in != nullptr && !client.in->empty()) {
            const Preface preface = preface_in(client);
            if (preface == Preface::whole) return begin_http2(core, client);
            const Flow flow = preface == Preface::some ? Flow::wait : begin_exchange(core, client);
            if (flow != Flow::wait) return flow;
        }
        if (client.ready.broken || client.ended) {
            close_client(core, client);
            return Flow::gone;
        }
        if (!client.ready.readable) {
            const bool idle = client.in == nullptr || client.in->empty();
            if (idle && client.in != nullptr) core.buffers.take_back(&client.in);
            return Flow::wait;
        }
        if (client.in == nullptr) client.in = core.buffers.lend();
        if (client.in == nullptr) {
            close_client(core, client);
            return Flow::gone;
        }
        if (client.in->room() == 0) client.in->compact();
        const IoResult got = receive(client, *client.in);
        if (got.end == IoEnd::ended) client.ended = true;
    }
}

// A stream's head comes whole or not at all.
Flow step_stream_head(Core& core, Client& client) {
    if (client.ready.broken) {
        close_client(core, client);
        return Flow::gone;
    }
    return client.stream->head_is_here ? begin_exchange(core, client) : Flow::wait;
}

void after_exchange(Core& core, Client& client) {
    if (client.sink != nullptr) {
        client.sink->note_complete();
        close_client(core, client);
        return;
    }
    Exchange& exchange = *client.exchange;
    if (client.stream != nullptr) {
        close_client(core, client);
        return;
    }
    const bool body_read = exchange.request_body.complete;
    if (client.state == ClientState::closed) return;
    if (!body_read && exchange.keep_client) {
        client.state = ClientState::discarding;
        client.discarded = 0;
        set_timer(core, client, core.discard_timers, edge::k_discard_limit);
        return;
    }
    // Who was told that the connection stays may be sending already: its next answer says the end.
    const bool keep = exchange.keep_client && (!core.stopping || core.leaving);
    client.in->consume(exchange.body_at - client.in->begin);
    drop_exchange(core, exchange);
    if (keep) {
        if (!client.in->empty()) {
            client.state = ClientState::head;
            set_timer(core, client, core.head_timers, core.limits.head);
        } else {
            become_idle(core, client);
        }
        return;
    }
    const bool more_may_come = !body_read || !client.in->empty() || client.ready.readable;
    if (!more_may_come || client.ended) {
        close_client(core, client);
        return;
    }
    linger(core, client);
}

Flow step_exchange(Core& core, Client& client) {
    Exchange& exchange = *client.exchange;
    if (client.ready.broken) {
        abort_exchange(core, exchange);
        return Flow::gone;
    }
    Flow answer = Flow::wait;
    Flow request = Flow::wait;
    if (exchange.stage == ResponseStage::local) {
        answer = flush_local(core, exchange);
    } else if (exchange.stage == ResponseStage::password) {
        answer = Flow::wait;
    } else if (exchange.stage == ResponseStage::auth) {
        answer = pump_auth(core, exchange);
    } else if (exchange.stage == ResponseStage::cache) {
        answer = pump_cached(core, exchange);
    } else if (exchange.stage == ResponseStage::file) {
        answer = pump_site(core, exchange);
    } else {
        answer = pump_response(core, exchange);
        if (answer == Flow::wait || answer == Flow::progress) {
            request = pump_request(core, exchange);
        }
    }
    if (client.state != ClientState::exchange) return Flow::progress;
    if (answer == Flow::gone || request == Flow::gone) {
        abort_exchange(core, exchange);
        return Flow::gone;
    }
    if (answer == Flow::done) {
        finish_exchange(core, exchange);
        after_exchange(core, client);
        return Flow::progress;
    }
    const bool moved = answer != Flow::wait || request != Flow::wait;
    if (moved) clear_timer(client);
    return moved ? Flow::progress : Flow::wait;
}

// Does the client owe us something, bytes to read or bytes to take?
bool owes(const Client& client) {
    const Exchange& exchange = *client.exchange;
    const bool unsent = exchange.to_client != nullptr && !exchange.to_client->empty();
    const bool answer_waits = !client.ready.writable && (unsent || exchange.client_begun);
    // Who streams both ways at once may be silent as long as the other speaks.
    const bool both_ways = client.stream != nullptr && exchange.client_begun;
    const bool body_waits = !both_ways && !exchange.request_sent && !exchange.request_cut &&
                            exchange.upstream != nullptr &&
                            exchange.upstream->state == UpstreamState::busy &&
                            exchange.upstream->ready.writable;
    return answer_waits || body_waits;
}

// Who owes may not take for ever. Who has ended may have left: who only half-closes is answered
// within the moment, mostly, and need not be asked.
void watch_client(Core& core, Client& client) {
    if (static_cast<edge::ListLink<ByTimer>&>(client).linked()) return;
    if (owes(client)) {
        set_timer(core, client, core.stall_timers, core.limits.stall);
    } else if (may_have_left(*client.exchange)) {
        set_timer(core, client, core.look_timers, edge::k_client_look_pause);
    }
}

Flow step_discard(Core& core, Client& client) {
    const Flow flow = discard_request(core, client);
    if (flow == Flow::done) {
        Exchange& exchange = *client.exchange;
        exchange.request_body.complete = true;
        after_exchange(core, client);
        return Flow::progress;
    }
    if (flow == Flow::gone) close_client(core, client);
    return flow;
}

Flow step_linger(Core& core, Client& client) {
    while (client.ready.readable) {
        client.in->begin = client.in->end = 0;
        const IoResult got = receive(client, *client.in);
        client.discarded += got.bytes;
        const bool over = client.discarded > edge::k_discard_body_max;
        if (got.end == IoEnd::ended || got.end == IoEnd::broken || over) {
            close_client(core, client);
            return Flow::gone;
        }
    }
    return Flow::wait;
}

Flow step(Core& core, Client& client) {
    switch (client.state) {
        case ClientState::handshake: return step_handshake(core, client);
        case ClientState::idle: return step_head(core, client);
        case ClientState::head:
            return client.stream == nullptr ? step_head(core, client)
                                            : step_stream_head(core, client);
        case ClientState::exchange: {
            const Flow flow = step_exchange(core, client);
            if (flow == Flow::wait) {
                watch_client(core, client);
                watch_for_silence(core, *client.exchange);
            }
            return flow;
        }
        case ClientState::http2: return step_http2(core, client);
        case ClientState::tunnel: return pump_tunnel(core, *client.exchange);
        case ClientState::discarding: return step_discard(core, client);
        case ClientState::lingering: return step_linger(core, client);
        case ClientState::closed: return Flow::gone;
    }
    return Flow::gone;
}

}  // namespace

void linger(Core& core, Client& client) {
    end_output(client);
    if (client.in == nullptr) client.in = core.buffers.lend();
    if (client.in == nullptr) {
        close_client(core, client);
        return;
    }
    client.state = ClientState::lingering;
    client.discarded = 0;
    client.in->begin = client.in->end = 0;
    set_timer(core, client, core.discard_timers, edge::k_discard_limit);
}

bool accept_clients(Core& core, Listener& listener) {
    for (int i = 0; i < edge::k_accept_batch; ++i) {
        sockaddr_storage peer{};
        socklen_t length = sizeof peer;
        Fd fd(accept4(listener.fd.get(), reinterpret_cast<sockaddr*>(&peer), &length,
                      SOCK_NONBLOCK | SOCK_CLOEXEC));
        if (!fd.valid()) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
                pause_accepting(core);
            }
            // EAGAIN: all are in. Anything else was that one connection's trouble; the listener
            // is level-triggered and tells again if there are more.
            return false;
        }
        if (core.counts.clients_open.get() >= core.limits.clients_max) {
            core.counts.clients_refused.add(1);
            net::abort_on_close(fd.get());
            continue;
        }
        add_client(core, listener, std::move(fd), peer, length);
    }
    return true;
}

void drive(Core& core, Client& client) {
    for (int i = 0; i < k_steps_per_turn; ++i) {
        const Flow flow = step(core, client);
        if (flow == Flow::wait || client.state == ClientState::closed) return;
    }
    if (!static_cast<edge::ListLink<ByAgain>&>(client).linked()) core.again.push_back(&client);
}

void on_client_timer(Core& core, Client& client) {
    // Half a head deserves an answer; silence does not.
    const bool half = client.state == ClientState::head && client.exchange != nullptr;
    if (half) {
        answer_locally(core, *client.exchange,
                       {.status = 408, .text = "the request head did not arrive in time"});
        drive(core, client);
        return;
    }
    if (client.state == ClientState::exchange) {
        if (!owes(client) && may_have_left(*client.exchange)) {
            look_for_client(core, *client.exchange);
            drive(core, client);
            return;
        }
        client.ready.broken = true;  // it stands still
        abort_exchange(core, *client.exchange);
        return;
    }
    if (client.state == ClientState::http2) {
        on_http2_timer(core, client);
        return;
    }
    close_client(core, client);
}

void close_client(Core& core, Client& client) {
    if (client.state == ClientState::closed) return;
    client.state = ClientState::closed;
    if (client.h2) end_http2(core, client);
    if (client.exchange != nullptr) drop_exchange(core, *client.exchange);
    core.buffers.take_back(&client.in);
    clear_timer(client);
    static_cast<edge::ListLink<ByAge>&>(client).unlink();
    static_cast<edge::ListLink<ByAgain>&>(client).unlink();
    core.dead_clients.push_back(&client);
    if (InnerSink* sink = std::exchange(client.sink, nullptr)) {
        sink->end(core);
        return;
    }
    if (client.stream != nullptr) {
        leave_stream(client);
        return;
    }
    if (client.tls) client.tls->end();
    client.tls.reset();
    client.fd.reset();
    core.counts.clients_open.add(-1);
}

void stop_client(Core& core, Client& client) {
    if (client.state == ClientState::idle && !core.leaving) close_client(core, client);
    if (client.state == ClientState::http2) stop_http2(core, client);
}

}  // namespace moln::edge_loop
