// The request's bytes: head and body from the client to the instance, or to nowhere.
#include <algorithm>

#include "runtime/edge/flow.h"
#include "runtime/edge/framed_buffer.h"
#include "runtime/edge/socket_io.h"

namespace moln::edge_loop {
namespace {

// Received body bytes that were not passed on.
std::string_view received(const Exchange& exchange) {
    const Buffer& in = *exchange.client->in;
    return {in.bytes + exchange.body_at, in.end - exchange.body_at};
}

// A body of unknown length: in chunks, or as it is where a stream's end ends it.
void append_body(const Exchange& exchange, std::string_view data) {
    if (exchange.upstream->stream == nullptr) {
        append_chunk(*exchange.to_upstream, data);
    } else {
        exchange.to_upstream->append(data);
    }
}

void append_end(const Exchange& exchange) {
    if (exchange.upstream->stream == nullptr) exchange.to_upstream->append(http::k_last_chunk);
}

// A stream's body becomes chunks, as far as there is room.
Flow chunk_stream(Core& core, Exchange& exchange) {
    BodyReader& body = exchange.request_body;
    while (!body.complete) {
        const auto waiting = received(exchange);
        if (waiting.empty() && !exchange.client->ended) return Flow::progress;
        if (exchange.to_upstream == nullptr) exchange.to_upstream = core.buffers.lend();
        if (exchange.to_upstream == nullptr) return Flow::gone;
        Buffer& out = *exchange.to_upstream;
        if (out.room() < 2 * http::k_chunk_framing_bytes_max) return Flow::progress;
        const auto data = waiting.substr(0, out.room() - 2 * http::k_chunk_framing_bytes_max);
        if (data.empty()) {
            append_end(exchange);
            body.complete = true;
            break;
        }
        append_body(exchange, data);
        exchange.body_at += data.size();
        core.counts.bytes_in.add(static_cast<std::int64_t>(data.size()));
        if (exchange.body_at - exchange.head_end > edge::k_replay_body_max) {
            exchange.replay_lost = true;
        }
    }
    return Flow::progress;
}

// Takes chunks apart and writes them anew into to_upstream, as far as there is room.
// gone: the client broke the coding, so that nobody knows where its next request begins.
Flow transcode_chunks(Core& core, Exchange& exchange) {
    BodyReader& body = exchange.request_body;
    while (!body.complete && !received(exchange).empty()) {
        if (exchange.to_upstream == nullptr) exchange.to_upstream = core.buffers.lend();
        if (exchange.to_upstream == nullptr) return Flow::gone;
        Buffer& out = *exchange.to_upstream;
        if (out.room() < 2 * http::k_chunk_framing_bytes_max) return Flow::progress;
        const auto input =
            received(exchange).substr(0, out.room() - 2 * http::k_chunk_framing_bytes_max);
        const http::ChunkStep step = body.chunks.next(input);
        exchange.body_at += step.consumed;
        switch (step.kind) {
            case http::ChunkStep::Kind::data:
                core.counts.bytes_in.add(static_cast<std::int64_t>(step.data.size()));
                append_body(exchange, step.data);
                break;
            case http::ChunkStep::Kind::done:
                append_end(exchange);
                body.complete = true;
                break;
            case http::ChunkStep::Kind::trailer: break;
            case http::ChunkStep::Kind::refused: core.counts.bad_requests.add(1); return Flow::gone;
            case http::ChunkStep::Kind::need_more:
                if (step.consumed == 0) return Flow::wait;
                break;
        }
    }
    return Flow::progress;
}

// The part of a body of known length that can be sent from where it lies.
std::string_view sendable(const Exchange& exchange) {
    const BodyReader& body = exchange.request_body;
    if (body.framing.kind != http::BodyKind::length || body.complete) return {};
    return received(exchange).substr(0, body.left);
}

// Makes room behind what was received; what a repeat would need may go for it.
bool make_room(Exchange& exchange) {
    Buffer& in = *exchange.client->in;
    if (in.room() != 0) return true;
    const std::size_t kept = in.end - exchange.body_at;
    if (exchange.body_at == exchange.head_end) return false;  // all of it is still to be sent
    std::copy(in.bytes + exchange.body_at, in.bytes + in.end, in.bytes + exchange.head_end);
    exchange.body_at = exchange.head_end;
    in.end = exchange.head_end + kept;
    exchange.replay_lost = true;
    return true;
}

Flow read_body(Exchange& exchange) {
    Client& client = *exchange.client;
    if (client.ended) return Flow::gone;  // in the middle of its own request
    if (!client.ready.readable || !make_room(exchange)) return Flow::wait;
    const IoResult got = receive(client, *client.in);
    switch (got.end) {
        case IoEnd::some: return Flow::progress;
        case IoEnd::would_block: return Flow::wait;
        case IoEnd::ended:
            client.ended = true;
            // Of a stream that is how a body ends; else it is cut.
            return exchange.request_body.framing.kind == http::BodyKind::until_close
                       ? Flow::progress
                       : Flow::gone;
        case IoEnd::broken: return Flow::gone;
    }
    return Flow::gone;
}

void note_sent(Core& core, Exchange& exchange, std::size_t bytes) {
    bytes = consume_ahead(core.buffers, &exchange.to_upstream, bytes);
    BodyReader& body = exchange.request_body;
    exchange.body_at += bytes;
    core.counts.bytes_in.add(static_cast<std::int64_t>(bytes));
    if (body.framing.kind == http::BodyKind::length && !body.complete) {
        body.left -= bytes;
        body.complete = body.left == 0;
    }
    if (exchange.body_at - exchange.head_end > edge::k_replay_body_max) exchange.replay_lost = true;
}

void end_request(Core& core, Exchange& exchange) {
    exchange.request_sent = true;
    core.buffers.take_back(&exchange.to_upstream);
    if (exchange.upstream->stream != nullptr) end_output(*exchange.upstream);
}

}  // namespace

Flow pump_request(Core& core, Exchange& exchange) {
    Upstream* upstream = exchange.upstream;
    if (upstream == nullptr || upstream->state != UpstreamState::busy) return Flow::wait;
    if (exchange.request_sent || exchange.request_cut) return Flow::wait;
    if (exchange.request_body.framing.kind == http::BodyKind::chunked) {
        if (transcode_chunks(core, exchange) == Flow::gone) return Flow::gone;
    }
    if (exchange.request_body.framing.kind == http::BodyKind::until_close) {
        if (chunk_stream(core, exchange) == Flow::gone) return Flow::gone;
    }
    const std::string_view head =
        exchange.to_upstream == nullptr ? std::string_view() : exchange.to_upstream->view();
    const std::string_view body = sendable(exchange);
    if (head.empty() && body.empty()) {
        if (!exchange.request_body.complete) return read_body(exchange);
        end_request(core, exchange);
        return Flow::progress;
    }
    if (!upstream->ready.writable) return Flow::wait;
    const IoResult put = transmit(*upstream, head, body);
    if (put.end == IoEnd::would_block) return Flow::wait;
    if (put.end == IoEnd::broken) {
        // It may have answered before it closed: what it said is still to be read.
        exchange.request_cut = true;
        upstream->ready.readable = upstream->ready.hung_up = true;
        return Flow::progress;
    }
    note_sent(core, exchange, put.bytes);
    const bool all = exchange.to_upstream == nullptr && exchange.request_body.complete;
    if (all) end_request(core, exchange);
    return Flow::progress;
}

Flow discard_request(Client& client) {
    Exchange& exchange = *client.exchange;
    BodyReader& body = exchange.request_body;
    for (;;) {
        Buffer& in = *client.in;
        std::size_t used = 0;
        if (body.framing.kind == http::BodyKind::length) {
            used = received(exchange).substr(0, body.left).size();
            body.left -= used;
            body.complete = body.left == 0;
        } else {
            const http::ChunkStep step = body.chunks.next(received(exchange));
            used = step.consumed;
            if (step.kind == http::ChunkStep::Kind::refused) return Flow::gone;
            if (step.kind == http::ChunkStep::Kind::done) body.complete = true;
        }
        exchange.body_at += used;
        client.discarded += used;
        if (body.complete) return Flow::done;
        if (client.discarded > edge::k_discard_body_max) return Flow::gone;
        if (used != 0) continue;
        if (exchange.body_at == in.end) in.end = exchange.body_at = exchange.head_end;
        const Flow flow = read_body(exchange);
        if (flow != Flow::progress) return flow;
    }
}

}  // namespace moln::edge_loop
