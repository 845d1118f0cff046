// The request's bytes: head and body from the client to the instance, or to nowhere.
#include <algorithm>

#include "runtime/edge/flow.h"
#include "runtime/edge/framed_buffer.h"
#include "runtime/edge/mirror_flow.h"
#include "runtime/edge/socket_io.h"

namespace moln::edge_loop {
namespace {

// It will not be sent again.
void lose_replay(Exchange& exchange) {
    exchange.replay_lost = true;
    exchange.replay.reset();
}

// Is the request sent again, from what is kept of it past memory?
bool is_replaying(const Exchange& exchange) {
    return exchange.replay != nullptr && exchange.replay->reading();
}

// Received body bytes that were not passed on.
std::string_view received(const Exchange& exchange) {
    if (is_replaying(exchange)) return exchange.replay->piece();
    const Buffer& in = *exchange.client->in;
    return {in.bytes + exchange.body_at, in.end - exchange.body_at};
}

// They were passed on.
void pass_on(Exchange& exchange, std::size_t bytes) {
    if (bytes == 0) return;
    if (is_replaying(exchange)) {
        exchange.replay->consume(bytes);
        return;
    }
    exchange.body_at += bytes;
    const std::uint64_t past = exchange.replay == nullptr ? 0 : exchange.replay->size();
    if (past + exchange.body_at - exchange.head_end > exchange.replay_max) lose_replay(exchange);
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

void count_in(Core& core, const Exchange& exchange, std::size_t bytes) {
    core.counts.bytes_in.add(static_cast<std::int64_t>(bytes));
    if (exchange.client->sink != nullptr) return;  // of the edge's own, which has no route
    core.port.routes.slot(exchange.route_slot).bytes_in.add(static_cast<std::int64_t>(bytes));
}

// A stream's body becomes chunks, as far as there is room.
Flow chunk_stream(Core& core, Exchange& exchange) {
    BodyReader& body = exchange.request_body;
    while (!body.complete) {
        const auto waiting = received(exchange);
        const bool more = is_replaying(exchange) || !exchange.client->ended;
        if (waiting.empty() && more) return Flow::progress;
        if (exchange.to_upstream == nullptr) exchange.to_upstream = core.buffers.lend();
        if (exchange.to_upstream == nullptr) return Flow::gone;
        Buffer& out = *exchange.to_upstream;
        // Room for not one byte is no end.
        if (out.room() <= 2 * http::k_chunk_framing_bytes_max) return Flow::progress;
        const auto data = waiting.substr(0, out.room() - 2 * http::k_chunk_framing_bytes_max);
        if (data.empty()) {
            append_end(exchange);
            body.complete = true;
            break;
        }
        append_body(exchange, data);
        pass_on(exchange, data.size());
        count_in(core, exchange, data.size());
    }
    return Flow::progress;
}

// Only HTTP/2 says that it takes trailers (TE is always sent there). Those of a request of which a
// process has said who it is are not passed on: they could say otherwise.
bool takes_trailers(const Exchange& exchange) {
    return exchange.upstream->stream != nullptr && !exchange.vouched;
}

// What the edge knows of heads is no trailer. False: no memory.
bool keep_trailer(Core& core, Exchange& exchange, const http::Field& field) {
    const bool kept = takes_trailers(exchange) && field.id == http::FieldId::other;
    return !kept || append_line(core.buffers, &exchange.request_trailers, field);
}

std::string_view trailers_of(const Exchange& exchange) {
    if (!takes_trailers(exchange)) return {};
    if (exchange.request_trailers != nullptr) return exchange.request_trailers->view();
    const H2Stream* stream = exchange.client->stream;
    if (stream == nullptr || stream->trailers == nullptr) return {};
    return stream->trailers->view();
}

// A stream whose body has its length may still bring trailers: only its end says that none come.
bool awaits_trailers(const Exchange& exchange) {
    const H2Stream* client = exchange.client->stream;
    return client != nullptr && exchange.upstream->stream != nullptr && client->body_follows &&
           !client->ended_in && !client->closed;
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
        if (step.kind == http::ChunkStep::Kind::data) {
            count_in(core, exchange, step.data.size());
            append_body(exchange, step.data);
        }
        pass_on(exchange, step.consumed);
        switch (step.kind) {
            case http::ChunkStep::Kind::data: break;
            case http::ChunkStep::Kind::done:
                append_end(exchange);
                body.complete = true;
                break;
            case http::ChunkStep::Kind::trailer:
                if (!keep_trailer(core, exchange, step.trailer)) return Flow::gone;
                break;
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

// What was passed on leaves memory, for a file if it may be needed again.
void keep_for_replay(Core& core, Exchange& exchange) {
    if (exchange.replay_lost) return;
    if (exchange.replay == nullptr && exchange.replay_max > edge::k_replay_memory_max) {
        exchange.replay = ReplayFile::make(*core.replays, core.buffers);
    }
    const std::string_view passed(exchange.client->in->bytes + exchange.head_end,
                                  exchange.body_at - exchange.head_end);
    if (exchange.replay == nullptr || !exchange.replay->append(passed)) lose_replay(exchange);
}

// Makes room behind what was received.
bool make_room(Core& core, Exchange& exchange) {
    Buffer& in = *exchange.client->in;
    if (in.room() != 0) return true;
    const std::size_t kept = in.end - exchange.body_at;
    if (exchange.body_at == exchange.head_end) return false;  // all of it is still to be sent
    keep_for_replay(core, exchange);
    std::copy(in.bytes + exchange.body_at, in.bytes + in.end, in.bytes + exchange.head_end);
    exchange.body_at = exchange.head_end;
    in.end = exchange.head_end + kept;
    return true;
}

Flow read_body(Core& core, Exchange& exchange) {
    Client& client = *exchange.client;
    if (is_replaying(exchange)) return Flow::progress;
    if (client.ended) return Flow::gone;  // in the middle of its own request
    if (!client.ready.readable || !make_room(core, exchange)) return Flow::wait;
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
    end_silence(exchange);
    bytes = consume_ahead(core.buffers, &exchange.to_upstream, bytes);
    BodyReader& body = exchange.request_body;
    pass_on(exchange, bytes);
    count_in(core, exchange, bytes);
    if (body.framing.kind == http::BodyKind::length && !body.complete) {
        body.left -= bytes;
        body.complete = body.left == 0;
    }
}

void end_request(Core& core, Exchange& exchange) {
    exchange.request_sent = true;
    if (exchange.mirror) begin_mirror(core, exchange);
    core.buffers.take_back(&exchange.to_upstream);
    if (H2Stream* stream = exchange.upstream->stream) {
        stream->link->end(*stream, trailers_of(exchange));
    }
}

}  // namespace

Flow pump_request(Core& core, Exchange& exchange) {
    Upstream* upstream = exchange.upstream;
    if (upstream == nullptr || upstream->state != UpstreamState::busy) return Flow::wait;
    if (exchange.request_sent || exchange.request_cut) return Flow::wait;
    if (is_replaying(exchange) && !exchange.replay->load()) return Flow::gone;
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
        if (!exchange.request_body.complete) return read_body(core, exchange);
        if (awaits_trailers(exchange)) return Flow::wait;
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
    if (all && !awaits_trailers(exchange)) end_request(core, exchange);
    return Flow::progress;
}

Flow discard_request(Core& core, Client& client) {
    Exchange& exchange = *client.exchange;
    BodyReader& body = exchange.request_body;
    for (;;) {
        Buffer& in = *client.in;
        const bool kept = is_replaying(exchange);  // it was received long ago
        if (kept && !exchange.replay->load()) return Flow::gone;
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
        exchange.replay_lost = true;
        if (kept) {
            exchange.replay->consume(used);
        } else {
            exchange.body_at += used;
            client.discarded += used;
        }
        if (body.complete) return Flow::done;
        if (client.discarded > edge::k_discard_body_max) return Flow::gone;
        if (used != 0 || kept) continue;
        if (exchange.body_at == in.end) in.end = exchange.body_at = exchange.head_end;
        const Flow flow = read_body(core, exchange);
        if (flow != Flow::progress) return flow;
    }
}

}  // namespace moln::edge_loop
