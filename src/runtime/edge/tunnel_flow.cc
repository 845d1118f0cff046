// After 101: bytes both ways, untouched, until both sides have ended (RFC 9110 7.8). One side may
// end long before the other, but not for ever if nothing passes any more.
#include "runtime/edge/flow.h"
#include "runtime/edge/socket_io.h"

namespace moln::edge_loop {
namespace {

// One direction. `source_ended` is set when the source has sent all; then, once everything is
// delivered, the sink is told. Gone: a side is broken.
Flow pass(Core& core, Connection& source, Buffer** buffer, bool& source_ended, Connection& sink,
          std::uint64_t* count) {
    bool moved = false;
    if (*buffer != nullptr && !(*buffer)->empty() && sink.ready.writable) {
        const IoResult put = transmit(sink, (*buffer)->view(), {});
        if (put.end == IoEnd::broken) return Flow::gone;
        (*buffer)->consume(put.bytes);
        if (count != nullptr) *count += put.bytes;
        moved = put.bytes != 0;
    }
    if (!source_ended && source.ready.readable) {
        if (*buffer == nullptr) *buffer = core.buffers.lend();
        if (*buffer == nullptr) return Flow::gone;
        if ((*buffer)->room() == 0) (*buffer)->compact();
        if ((*buffer)->room() != 0) {
            const IoResult got = receive(source, **buffer);
            if (got.end == IoEnd::broken) return Flow::gone;
            if (got.end == IoEnd::ended) source_ended = true;
            moved = moved || got.end != IoEnd::would_block;
        }
    }
    const bool empty = *buffer == nullptr || (*buffer)->empty();
    if (empty) core.buffers.take_back(buffer);
    return moved ? Flow::progress : Flow::wait;
}

// The instance takes nothing more. What it said before goes out as far as the client takes it now:
// it may have said why.
void pass_last_words(Core& core, Exchange& exchange) {
    Upstream& upstream = *exchange.upstream;
    upstream.ready.readable = true;
    while (!upstream.ended && pass(core, upstream, &upstream.in, upstream.ended, *exchange.client,
                                   &exchange.body_bytes_sent) == Flow::progress) {
    }
}

}  // namespace

void begin_tunnel(Core& core, Exchange& exchange) {
    Client& client = *exchange.client;
    Upstream& upstream = *exchange.upstream;
    const auto& head = exchange.heads->request;
    exchange.tunnel_name = new TunnelName{std::string(head.method_name()),
                                          std::string(head.authority()), std::string(head.path())};
    core.heads.drop(exchange.heads);
    exchange.heads = nullptr;
    // Both buffers now hold raw bytes only. What the instance said right behind its 101 goes out
    // behind that head.
    client.in->consume(exchange.body_at - client.in->begin);
    Buffer& out = *exchange.to_client;
    exchange.local_head = out.size();
    if (upstream.in != nullptr && !upstream.in->empty()) {
        const auto rest = upstream.in->view().substr(0, out.room());
        out.append(rest);
        upstream.in->consume(rest.size());
    }
    core.buffers.take_back(&exchange.to_upstream);
    core.views.to_tunnel(exchange);
    client.state = ClientState::tunnel;
    // What breaks it is told as this (RFC 8441 5).
    if (client.stream != nullptr) client.stream->leave_with = h2::ErrorCode::cancel;
    clear_timer(client);
}

Flow pump_tunnel(Core& core, Exchange& exchange) {
    Client& client = *exchange.client;
    Upstream& upstream = *exchange.upstream;
    if (client.ready.broken) {
        close_client(core, client);
        return Flow::gone;
    }
    const Flow to_instance = pass(core, client, &client.in, client.ended, upstream, nullptr);
    Flow to_client = Flow::wait;
    if (exchange.to_client != nullptr) {
        to_client = flush_local(core, exchange);
        if (to_client == Flow::done) to_client = Flow::progress;
    } else {
        to_client =
            pass(core, upstream, &upstream.in, upstream.ended, client, &exchange.body_bytes_sent);
    }
    if (to_instance == Flow::gone || to_client == Flow::gone) {
        if (to_client != Flow::gone && exchange.to_client == nullptr) {
            pass_last_words(core, exchange);
        }
        close_client(core, client);
        return Flow::gone;
    }
    const bool sent_up = client.ended && client.in == nullptr;
    const bool sent_down =
        upstream.ended && upstream.in == nullptr && exchange.to_client == nullptr;
    if (sent_up && !exchange.instance_told_end) {
        exchange.instance_told_end = true;
        end_output(upstream);
    }
    if (sent_down && !exchange.client_told_end) {
        exchange.client_told_end = true;
        end_output(client);
    }
    if (sent_up && sent_down) {
        finish_exchange(core, exchange);
        close_client(core, client);
        return Flow::gone;
    }
    const bool moved = to_instance == Flow::progress || to_client == Flow::progress;
    const bool timed = static_cast<edge::ListLink<ByTimer>&>(client).linked();
    if ((client.ended || upstream.ended) && (moved || !timed)) {
        set_timer(core, client, core.half_closed_timers, core.limits.half_closed);
    }
    return moved ? Flow::progress : Flow::wait;
}

}  // namespace moln::edge_loop
