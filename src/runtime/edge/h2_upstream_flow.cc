// Connections of HTTP/2 to instances: made, shared by requests, lost, left to idle.
#include <utility>

#include <sys/socket.h>

#include "io/net/socket.h"
#include "runtime/edge/flow.h"
#include "runtime/edge/socket_io.h"

namespace moln::edge_loop {
namespace {

std::expected<Upstream*, ErrorCode> connect_carrier(Core& core, EndpointView& endpoint) {
    core.counts.upstream_connects.add(1);
    auto fd = net::connect_tcp(endpoint.cell->address);
    if (!fd) return std::unexpected(fd.error().code);
    Upstream* carrier = core.upstreams.make();
    carrier->fd = std::move(*fd);
    carrier->endpoint = &endpoint;
    net::enable_keepalive(carrier->fd.get());
    carrier->h2 = H2Upstream::make(core, *carrier);
    const bool good = carrier->h2 && core.epoll.add(carrier->fd.get(), net::k_stream_edges,
                                                    static_cast<Part*>(carrier));
    if (!good) {
        core.upstreams.drop(carrier);
        return std::unexpected(ErrorCode::refused);
    }
    endpoint.links.push_back(carrier);
    set_timer(core, *carrier, core.connect_timers, edge::k_connect_limit);
    return carrier;
}

Upstream* carrier_with_room(EndpointView& endpoint) {
    for (Upstream* carrier = endpoint.links.front(); carrier != nullptr;
         carrier = endpoint.links.after(carrier)) {
        if (carrier->h2->may_open()) return carrier;
    }
    return nullptr;
}

// It idles, and the instance has closed it: nobody has heard of that yet.
bool has_ended(const Upstream& carrier) {
    if (carrier.state == UpstreamState::connecting || carrier.h2->open() != 0) return false;
    char byte = 0;
    return ::recv(carrier.fd.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

void drive_ready(Core& core, H2Upstream& link) {
    while (H2Stream* stream = link.next_ready()) {
        Exchange* exchange = upstream_of(*stream).exchange;
        if (exchange != nullptr) drive(core, *exchange->client);
    }
}

// No more comes from it. Its streams read what has come; the last one that is dropped closes it.
void lose(Core& core, Upstream& carrier) {
    if (carrier.h2->lost()) return;
    static_cast<edge::ListLink<ByPool>&>(carrier).unlink();
    clear_timer(carrier);
    carrier.endpoint = nullptr;
    carrier.fd.reset();
    carrier.h2->lose();
    if (carrier.h2->open() == 0) {
        close_upstream(core, carrier);
        return;
    }
    drive_ready(core, *carrier.h2);
}

// Nobody was reached: every request that waits for it goes elsewhere.
void fail_connect(Core& core, Upstream& carrier) {
    static_cast<edge::ListLink<ByPool>&>(carrier).unlink();
    clear_timer(carrier);
    carrier.endpoint = nullptr;
    if (carrier.h2->open() == 0) close_upstream(core, carrier);
    while (carrier.state != UpstreamState::closed) {
        Exchange& exchange = *upstream_of(*carrier.h2->first()).exchange;
        Client& client = *exchange.client;
        fail_attempt(core, exchange, edge::AttemptEnd::not_connected);  // drops the stream
        drive(core, client);
    }
}

void read_carrier(Core& core, Upstream& carrier) {
    while (carrier.ready.readable) {
        Buffer* in = core.buffers.lend();
        if (in == nullptr) {
            lose(core, carrier);
            return;
        }
        const IoResult got = receive(carrier, *in);
        const bool good = in->empty() || carrier.h2->take_in(in->view());
        core.buffers.take_back(&in);
        const bool over = got.end == IoEnd::ended || got.end == IoEnd::broken;
        if (over || !good) {
            lose(core, carrier);
            return;
        }
        drive_ready(core, *carrier.h2);
        if (carrier.state == UpstreamState::closed) return;
    }
}

}  // namespace

std::expected<Upstream*, ErrorCode> obtain_h2_stream(Core& core, const Exchange& exchange,
                                                     EndpointView& endpoint) {
    // The look costs a system call: only for what could not be sent again, or just was.
    const bool look = exchange.fresh_only ||
                      !edge::may_repeat(exchange.heads->request.method, retry_mode(*exchange.app));
    Upstream* carrier = carrier_with_room(endpoint);
    for (; look && carrier != nullptr && has_ended(*carrier);
         carrier = carrier_with_room(endpoint)) {
        close_upstream(core, *carrier);
    }
    if (carrier == nullptr) {
        const auto made = connect_carrier(core, endpoint);
        if (!made) return made;
        carrier = *made;
    }
    const bool idle = carrier->state != UpstreamState::connecting && carrier->h2->open() == 0;
    if (carrier->state != UpstreamState::connecting) clear_timer(*carrier);
    Upstream* upstream = carrier->h2->open_stream();
    upstream->reused = idle && !exchange.fresh_only;  // else it was looked at: it had not ended
    return upstream;
}

void on_carrier_event(Core& core, Upstream& carrier) {
    if (carrier.h2->lost() || carrier.state == UpstreamState::closed) return;
    if (carrier.state == UpstreamState::connecting) {
        if (carrier.ready.broken || net::connect_error(carrier.fd.get()) != 0) {
            fail_connect(core, carrier);
            return;
        }
        if (!carrier.ready.writable) return;
        clear_timer(carrier);
        carrier.state = UpstreamState::busy;
        carrier.h2->note_connected();
        if (carrier.h2->open() == 0) {  // who wanted it has left
            idle_h2_upstream(core, carrier);
            if (carrier.state == UpstreamState::closed) return;
        }
    }
    read_carrier(core, carrier);
    if (carrier.state != UpstreamState::closed && !carrier.h2->lost()) {
        flush_upstream(core, carrier);
    }
}

void on_carrier_timer(Core& core, Upstream& carrier) {
    if (carrier.state == UpstreamState::connecting) {
        fail_connect(core, carrier);
    } else if (carrier.h2->open() == 0) {
        close_upstream(core, carrier);
    }
}

void flush_upstream(Core& core, Upstream& carrier) {
    const bool idle_link = carrier.state == UpstreamState::closed || carrier.h2->lost();
    if (idle_link || carrier.state == UpstreamState::connecting) return;
    if (!carrier.h2->flush() || carrier.h2->over()) {
        lose(core, carrier);
        return;
    }
    drive_ready(core, *carrier.h2);
}

void idle_h2_upstream(Core& core, Upstream& carrier) {
    const EndpointView* endpoint = carrier.endpoint;
    const bool wanted = endpoint != nullptr && endpoint->current &&
                        endpoint->state == EndpointState::active && carrier.h2->may_open();
    if (!wanted) {
        close_upstream(core, carrier);
    } else if (carrier.state != UpstreamState::connecting) {
        set_timer(core, carrier, core.upstream_idle_timers, core.limits.upstream_idle);
    }
}

}  // namespace moln::edge_loop
