// The response's bytes: head and body from the instance to the client.
#include <algorithm>
#include <array>
#include <span>

#include "base/hex.h"
#include "http/write.h"
#include "runtime/edge/cache_flow.h"
#include "runtime/edge/flow.h"
#include "runtime/edge/framed_buffer.h"
#include "runtime/edge/inner_sink.h"
#include "runtime/edge/socket_io.h"
#include "runtime/edge/splice_flow.h"

namespace moln::edge_loop {
namespace {

constexpr http::HeadLimits k_response_limits{.head_bytes_max = edge::k_head_bytes_max};

Buffer* client_buffer(Core& core, Exchange& exchange) {
    if (exchange.to_client == nullptr) exchange.to_client = core.buffers.lend();
    return exchange.to_client;
}

// The instance says that it has not looked at the request (RFC 9113 8.7).
bool was_refused(const Upstream& upstream) {
    return upstream.stream != nullptr &&
           upstream.stream->error == static_cast<std::uint32_t>(h2::ErrorCode::refused_stream);
}

// It was idle, and its instance had closed it already or was about to. One of HTTP/2 that lives may
// end a stream for other reasons.
bool was_stale(const Upstream& upstream) {
    const H2Stream* stream = upstream.stream;
    return upstream.reused &&
           (stream == nullptr || static_cast<const H2Upstream*>(stream->link)->lost());
}

Flow broken_attempt(Core& core, Exchange& exchange) {
    const Upstream& upstream = *exchange.upstream;
    const bool any_byte = (upstream.in != nullptr && !upstream.in->empty()) ||
                          exchange.client_begun || exchange.interim != 0;
    auto end = edge::AttemptEnd::broken;
    if (any_byte) {
        end = edge::AttemptEnd::response_begun;
    } else if (was_refused(upstream)) {
        end = edge::AttemptEnd::refused;
    } else if (was_stale(upstream)) {
        end = edge::AttemptEnd::stale;
    }
    fail_attempt(core, exchange, end);
    return Flow::failed;
}

// progress: there are new bytes in upstream.in; done: the instance will send no more.
Flow read_upstream(Core& core, Upstream& upstream) {
    if (upstream.ended) return Flow::done;
    if (!upstream.ready.readable) return upstream.ready.broken ? Flow::done : Flow::wait;
    if (upstream.in == nullptr) upstream.in = core.buffers.lend();
    if (upstream.in == nullptr) return Flow::done;
    if (upstream.in->room() == 0) upstream.in->compact();
    if (upstream.in->room() == 0) return Flow::wait;
    const IoResult got = receive(upstream, *upstream.in);
    if (got.end == IoEnd::some) return Flow::progress;
    if (got.end == IoEnd::would_block) return Flow::wait;
    upstream.ended = true;
    return Flow::done;
}

// An answer that its connection cannot take now stays in the kernel: a hundred streams that wait
// for one another would have a buffer each. The time that another edge has for it runs until it is
// read.
bool may_read(const Exchange& exchange) {
    H2Stream* stream = exchange.client->stream;
    return stream == nullptr || exchange.endpoint->peer || stream->link->has_room_for(*stream);
}

// 100 to 103: passed on at once, to clients that know them.
Flow pass_interim(Core& core, Exchange& exchange) {
    if (++exchange.interim > edge::k_interim_responses_max) return broken_attempt(core, exchange);
    const http::RequestHead& request = exchange.heads->request;
    exchange.heads->response_cursor = {};
    const bool nobody = exchange.client->sink != nullptr;
    if (nobody || request.version == http::Version::http_1_0) return Flow::progress;
    Buffer* out = client_buffer(core, exchange);
    if (out == nullptr) return Flow::gone;
    const auto size = http::write_response_head(exchange.heads->response,
                                                {.request_method = request.method,
                                                 .client_version = request.version,
                                                 .body = {},
                                                 .persistence = http::Persistence::keep_alive,
                                                 .date = {},
                                                 .extra = {}},
                                                {out->tail(), out->room()});
    if (!size || !put_head(exchange, *size, h2::End::open)) return broken_attempt(core, exchange);
    if (exchange.heads->response.status == 100) exchange.continued = true;
    return Flow::progress;
}

}  // namespace

http::ExtraField hsts_field(const Exchange& exchange, std::span<char> room) {
    constexpr std::string_view k_name = "Strict-Transport-Security";
    if (exchange.hsts_s == 0 || exchange.heads->response.fields.first(k_name)) return {};
    http::ByteWriter value(room);
    value.text("max-age=");
    value.number(exchange.hsts_s);
    return {.name = k_name, .value = value.written()};
}

namespace {

constexpr std::size_t k_affinity_room = 96;

// A client that is to stay with its instance is told which it is, unless it says so itself.
http::ExtraField affinity_field(const Exchange& exchange, std::span<char> room) {
    const EdgeApp* app = exchange.app->spec;
    if (app == nullptr || !app->affinity || exchange.endpoint == nullptr) return {};
    // Between edges nobody is to stay anywhere.
    if (exchange.asked_by != edge::AskedBy::client || exchange.endpoint->peer) return {};
    const std::uint64_t token = exchange.endpoint->cell->affinity;
    if (token == exchange.wish.affinity) return {};
    std::array<char, edge::k_affinity_digits> text;
    for (std::size_t i = 0; i < text.size(); ++i) {
        text[i] = k_hex_digits[(token >> (60 - 4 * i)) & 15];
    }
    http::ByteWriter value(room);
    value.text(edge::k_affinity_cookie);
    value.text("=");
    value.text({text.data(), text.size()});
    value.text("; Path=/; HttpOnly; SameSite=Lax");
    if (exchange.client->link().tls) value.text("; Secure");
    return {.name = "Set-Cookie", .value = value.written()};
}

// A client of HTTP/2 does; another says so (RFC 9110 6.5.1), and has room for them in chunks alone.
bool takes_trailers(const Exchange& exchange) {
    const bool may_come = exchange.response_body.framing.kind == http::BodyKind::chunked ||
                          exchange.upstream->stream != nullptr;
    if (!may_come) return false;
    if (exchange.client->stream != nullptr) return true;
    if (exchange.client_body != http::BodyKind::chunked) return false;
    bool said = false;
    for (const std::string_view value : exchange.heads->request.fields.all(http::FieldId::te)) {
        http::for_each_element(value, [&](std::string_view coding) {
            said = said || http::equals_ignoring_case(coding, "trailers");
        });
    }
    return said;
}

// To what is in the place of a client.
Flow pass_head_inside(Core& core, Exchange& exchange) {
    const http::ResponseHead& head = exchange.heads->response;
    auto framing = http::response_body(
        head, {.method = exchange.heads->request.method, .upgrade_sent = false});
    const H2Stream* stream = exchange.upstream->stream;
    if (stream != nullptr && !stream->body_follows) framing = {};
    exchange.status = head.status;
    const Flow flow = exchange.client->sink->take_head(core, exchange, framing);
    if (flow != Flow::progress) return flow;
    exchange.response_body.start(framing);
    exchange.client_body = http::body_for_client(framing, http::Version::http_1_0).kind;
    exchange.client_begun = true;
    exchange.stage = ResponseStage::body;
    return Flow::progress;
}

Flow pass_head(Core& core, Exchange& exchange) {
    if (exchange.client->sink != nullptr) return pass_head_inside(core, exchange);
    const http::RequestHead& request = exchange.heads->request;
    const http::ResponseHead& response = exchange.heads->response;
    auto framing = http::response_body(
        response, {.method = request.method,
                   .upgrade_sent = exchange.upgrade.kind != http::UpgradeKind::none});
    const H2Stream* of_instance = exchange.upstream->stream;
    if (of_instance != nullptr && !of_instance->body_follows) framing = {};
    // A stream's end ends its body, as the connection's does in HTTP/1.0.
    const H2Stream* stream = exchange.client->stream;
    const auto to_client = http::body_for_client(
        framing, stream == nullptr ? request.version : http::Version::http_1_0);
    // To an extended CONNECT 2xx would say that the tunnel is there (RFC 8441 5).
    const bool no_tunnel = stream != nullptr && stream->websocket && response.status / 100 == 2;
    if (no_tunnel) return broken_attempt(core, exchange);
    // Whoever was not told to continue may send the body or not: only closing tells which.
    const bool unsure =
        request.expect_continue && !exchange.continued && !exchange.request_body.complete;
    if (unsure || to_client.kind == http::BodyKind::until_close || core.stopping) {
        exchange.keep_client = false;
    }
    Buffer* out = client_buffer(core, exchange);
    if (out == nullptr) return Flow::gone;
    std::array<http::ExtraField, 4> extra;
    std::size_t extras = 0;
    if (exchange.asked_by != edge::AskedBy::client) {
        extra[extras++] = {.name = edge::k_peer_field, .value = edge::k_peer_pass};
    }
    std::array<char, k_hsts_room> hsts_room;
    const auto hsts = hsts_field(exchange, hsts_room);
    if (!hsts.value.empty()) extra[extras++] = hsts;
    std::array<char, k_affinity_room> affinity_room;
    const auto affinity = affinity_field(exchange, affinity_room);
    if (!affinity.value.empty()) extra[extras++] = affinity;
    std::array<char, http::k_cache_status_bytes_max> status_room;
    const auto cache_status = note_answer(core, exchange, status_room);
    if (!cache_status.empty()) extra[extras++] = {.name = "Cache-Status", .value = cache_status};
    const auto size = http::write_response_head(
        response,
        {.request_method = request.method,
         .client_version = request.version,
         .body = to_client,
         .persistence =
             exchange.keep_client ? http::Persistence::keep_alive : http::Persistence::close,
         .date = core.date_text(),
         .extra = std::span(extra).first(extras)},
        {out->tail(), out->room()});
    const auto end = to_client.kind == http::BodyKind::none ? h2::End::stream : h2::End::open;
    if (!size || !put_head(exchange, *size, end)) return broken_attempt(core, exchange);
    exchange.response_body.start(framing);
    exchange.client_body = to_client.kind;
    exchange.client_begun = true;
    exchange.status = response.status;
    exchange.wants_trailers = takes_trailers(exchange);
    exchange.stage = ResponseStage::body;
    return Flow::progress;
}

// Flow::done means here: the final head is on its way.
Flow read_head(Core& core, Exchange& exchange) {
    Upstream& upstream = *exchange.upstream;
    Heads& heads = *exchange.heads;
    if (upstream.in == nullptr || upstream.in->empty()) return Flow::wait;
    const auto parsed = http::parse_response_head(upstream.in->view(), k_response_limits,
                                                  heads.response_cursor, heads.response);
    if (parsed.progress == http::Progress::need_more) return Flow::wait;
    if (parsed.progress == http::Progress::refused) return broken_attempt(core, exchange);
    heads.response.rebase(upstream.in->bytes + upstream.in->begin);
    note_keep_alive(core, upstream, heads.response);
    const std::uint16_t status = heads.response.status;
    if (http::unexpected_switch(heads.response, exchange.upgrade.protocol)) {
        return broken_attempt(core, exchange);
    }
    Flow flow = Flow::progress;
    if (status != 101 && status < 200) {
        flow = pass_interim(core, exchange);
    } else {
        clear_timer(upstream);  // of its silence
        flow = pass_head(core, exchange);
        if (flow == Flow::progress) flow = Flow::done;
    }
    if (flow != Flow::failed && flow != Flow::gone) upstream.in->consume(parsed.consumed);
    return flow;
}

// Of the response, if they are passed on.
std::string_view trailers_of(const Exchange& exchange) {
    if (!exchange.wants_trailers) return {};
    if (exchange.response_trailers != nullptr) return exchange.response_trailers->view();
    const H2Stream* stream = exchange.upstream->stream;
    if (stream == nullptr || stream->trailers == nullptr) return {};
    return stream->trailers->view();
}

// Appends data to to_client as the client is to get it.
void frame(Buffer& out, http::BodyKind kind, std::string_view data) {
    if (kind == http::BodyKind::chunked) {
        append_chunk(out, data);
    } else {
        out.append(data);
    }
}

// Chunked on one side or both: data move through to_client, as far as there is room.
// failed: the instance broke the coding.
Flow transcode(Core& core, Exchange& exchange) {
    Upstream& upstream = *exchange.upstream;
    BodyReader& body = exchange.response_body;
    while (!body.complete && upstream.in != nullptr && !upstream.in->empty()) {
        Buffer* out = client_buffer(core, exchange);
        if (out == nullptr) return Flow::gone;
        const std::size_t reserve =
            2 * http::k_chunk_framing_bytes_max +
            (exchange.wants_trailers && exchange.client->stream == nullptr ? k_last_chunk_room : 0);
        if (out->room() <= reserve) return Flow::wait;
        const auto input = upstream.in->view().substr(0, out->room() - reserve);
        if (body.framing.kind != http::BodyKind::chunked) {
            frame(*out, exchange.client_body, input);
            exchange.body_bytes_sent += input.size();
            upstream.in->consume(input.size());
            continue;
        }
        const http::ChunkStep step = body.chunks.next(input);
        if (step.kind == http::ChunkStep::Kind::refused) return Flow::failed;
        if (step.kind == http::ChunkStep::Kind::data) {
            frame(*out, exchange.client_body, step.data);
            exchange.body_bytes_sent += step.data.size();
        }
        if (step.kind == http::ChunkStep::Kind::trailer && exchange.wants_trailers &&
            !append_line(core.buffers, &exchange.response_trailers, step.trailer)) {
            return Flow::gone;
        }
        body.complete = step.kind == http::ChunkStep::Kind::done;
        upstream.in->consume(step.consumed);
        if (body.complete && exchange.client_body == http::BodyKind::chunked) {
            append_last_chunk(*out, trailers_of(exchange));
        }
        if (step.kind == http::ChunkStep::Kind::need_more && step.consumed == 0) break;
    }
    return Flow::progress;
}

bool passes_as_is(const Exchange& exchange) {
    const auto kind = exchange.response_body.framing.kind;
    return kind == http::BodyKind::length || (kind == http::BodyKind::until_close &&
                                              exchange.client_body == http::BodyKind::until_close);
}

std::string_view sendable(const Exchange& exchange) {
    const BodyReader& body = exchange.response_body;
    const Buffer* in = exchange.upstream->in;
    if (in == nullptr || body.complete || !passes_as_is(exchange)) return {};
    if (body.framing.kind == http::BodyKind::until_close) return in->view();
    return in->view().substr(0, body.left);
}

void note_sent(Core& core, Exchange& exchange, std::size_t bytes) {
    bytes = consume_ahead(core.buffers, &exchange.to_client, bytes);
    if (bytes == 0) return;
    exchange.body_bytes_sent += bytes;
    exchange.upstream->in->consume(bytes);
    BodyReader& body = exchange.response_body;
    if (body.framing.kind == http::BodyKind::length) {
        body.left -= bytes;
        body.complete = body.left == 0;
    }
}

// The instance has ended its stream: for some bodies that is how they end.
Flow end_of_body(Core& core, Exchange& exchange) {
    BodyReader& body = exchange.response_body;
    if (body.framing.kind != http::BodyKind::until_close || exchange.upstream->ready.broken) {
        return broken_attempt(core, exchange);
    }
    body.complete = true;
    if (exchange.client_body == http::BodyKind::chunked) {
        Buffer* out = client_buffer(core, exchange);
        if (out == nullptr) return Flow::gone;
        const auto trailers = trailers_of(exchange);
        append_last_chunk(*out, trailers.size() < k_last_chunk_room ? trailers : "");
    }
    return Flow::progress;
}

// Of a stream, whose end is a word of its own.
void end_response(Exchange& exchange) {
    Client& client = *exchange.client;
    if (client.stream != nullptr) {
        client.stream->link->end(*client.stream, trailers_of(exchange));
    }
}

// A body of known length, or none, may be whole before its stream has ended: trailers may follow,
// and to leave it now would reset it.
bool awaits_end(const Exchange& exchange) {
    const H2Stream* stream = exchange.upstream->stream;
    const auto kind = exchange.response_body.framing.kind;
    const bool known = kind == http::BodyKind::length || kind == http::BodyKind::none;
    return stream != nullptr && known && !stream->ended_in && !stream->closed &&
           !stream->end_is_late;
}

// Not for ever: nothing else will come.
Flow await_end(Core& core, Exchange& exchange) {
    Upstream& upstream = *exchange.upstream;
    if (!static_cast<edge::ListLink<ByTimer>&>(upstream).linked()) {
        set_timer(core, upstream, core.upstream_idle_timers, core.limits.upstream_idle);
    }
    return Flow::wait;
}

// Is `body`, with what is in to_client before it, the last of the response?
h2::End end_with(const Exchange& exchange, std::string_view body) {
    if (awaits_end(exchange) || !trailers_of(exchange).empty()) return h2::End::open;
    const BodyReader& reader = exchange.response_body;
    const bool last = reader.framing.kind == http::BodyKind::length && reader.left == body.size();
    return reader.complete || last ? h2::End::stream : h2::End::open;
}

IoResult give(Core& core, Client& client, std::string_view head, std::string_view body) {
    InnerSink& sink = *client.sink;
    const bool good = sink.take_body(core, head) && sink.take_body(core, body);
    client.ready.broken = !good;
    return {good ? IoEnd::some : IoEnd::broken, good ? head.size() + body.size() : 0};
}

// What came before the instance broke its coding, as far as the client takes it now: who sees an
// end without a byte of an answer may send its request again.
void pass_last_words(const Exchange& exchange) {
    Client& client = *exchange.client;
    const bool any = exchange.to_client != nullptr && !exchange.to_client->empty();
    if (any && client.sink == nullptr && client.ready.writable) {
        transmit(client, exchange.to_client->view(), {});
    }
}

// The body of an answer that another edge passes on, for this client alone: its time runs while the
// client has all that came. A stream of events, whose length nobody knows, may be silent for ever.
void watch_peer(Core& core, Exchange& exchange, Flow flow) {
    Upstream& upstream = *exchange.upstream;
    const bool owes =
        flow == Flow::wait && (exchange.pipe == nullptr || exchange.pipe->inside == 0);
    if (!owes || exchange.response_body.framing.kind != http::BodyKind::length) {
        clear_timer(upstream);
    } else if (!static_cast<edge::ListLink<ByTimer>&>(upstream).linked()) {
        set_timer(core, upstream, core.peer_stall_timers, edge::k_peer_stall_limit);
    }
}

Flow pump_body(Core& core, Exchange& exchange) {
    Client& client = *exchange.client;
    if (!passes_as_is(exchange)) {
        const Flow flow = transcode(core, exchange);
        if (flow == Flow::failed) {
            pass_last_words(exchange);
            return broken_attempt(core, exchange);
        }
        if (flow == Flow::gone) return flow;
    }
    const std::string_view head =
        exchange.to_client == nullptr ? std::string_view() : exchange.to_client->view();
    const std::string_view body = sendable(exchange);
    if (head.empty() && body.empty()) {
        if (exchange.response_body.complete) {
            if (awaits_end(exchange)) return await_end(core, exchange);
            end_response(exchange);
            return Flow::done;
        }
        const Flow flow = may_splice(core, exchange) ? splice_body(core, exchange)
                                                     : read_upstream(core, *exchange.upstream);
        if (exchange.endpoint->peer && client.sink == nullptr) watch_peer(core, exchange, flow);
        return flow == Flow::done ? end_of_body(core, exchange) : flow;
    }
    if (!client.ready.writable) return Flow::wait;
    const IoResult put = client.sink != nullptr
                             ? give(core, client, head, body)
                             : answer(client, head, body, end_with(exchange, body));
    if (put.end == IoEnd::would_block) return Flow::wait;
    if (put.end == IoEnd::broken) return Flow::gone;
    note_sent(core, exchange, put.bytes);
    const bool all =
        exchange.to_client == nullptr && exchange.response_body.complete && !awaits_end(exchange);
    if (all) end_response(exchange);
    return all ? Flow::done : Flow::progress;
}

}  // namespace

// Interim responses do not wait for the final one.
Flow flush_interim(Core& core, Exchange& exchange) {
    Client& client = *exchange.client;
    if (exchange.to_client->empty()) {  // of a stream, which has it already
        core.buffers.take_back(&exchange.to_client);
        return Flow::progress;
    }
    if (!client.ready.writable) return Flow::wait;
    const IoResult put = transmit(client, exchange.to_client->view(), {});
    if (put.end == IoEnd::broken) return Flow::gone;
    note_sent(core, exchange, put.bytes);
    return Flow::progress;
}

// Its end may be that of one direction alone.
bool may_have_left(const Exchange& exchange) {
    const Client& client = *exchange.client;
    const bool of_socket = client.stream == nullptr && client.sink == nullptr;
    const bool for_app = exchange.stage == ResponseStage::head &&
                         (exchange.upstream == nullptr || exchange.request_sent);
    const bool for_fetch =
        exchange.stage == ResponseStage::cache && exchange.visit->fetch && !exchange.client_begun;
    return of_socket && (for_app || for_fetch) && client.ready.hung_up && !exchange.continued &&
           exchange.to_client == nullptr;
}

// Only its kernel tells, if something is sent. Every client of HTTP/1.1 can skip an interim
// response (RFC 9110 15.2); one of HTTP/1.0 gets what every answer begins with.
void look_for_client(Core& core, Exchange& exchange) {
    Buffer* out = client_buffer(core, exchange);
    if (out == nullptr) return;
    const bool skips = exchange.version != http::Version::http_1_0;
    out->append(skips ? "HTTP/1.1 100 Continue\r\n\r\n" : k_answer_begin);
    exchange.continued = true;
    exchange.begin_said = !skips;
}

namespace {

// Of a request that waits for an instance, where it has a place that others could have.
Flow pump_held(Core& core, Exchange& exchange) {
    if (exchange.to_client != nullptr) return flush_interim(core, exchange);
    if (!may_have_left(exchange)) return Flow::wait;
    look_for_client(core, exchange);
    // Without a buffer nothing was said: a timer looks again.
    return exchange.to_client == nullptr ? Flow::wait : Flow::progress;
}

}  // namespace

Flow pump_response(Core& core, Exchange& exchange) {
    Upstream* upstream = exchange.upstream;
    if (upstream == nullptr) return pump_held(core, exchange);
    if (upstream->state != UpstreamState::busy) return Flow::wait;
    if (upstream->in == nullptr && !may_read(exchange)) return Flow::wait;
    if (exchange.stage == ResponseStage::head) {
        // Before the next head is looked at: however many come, to_client has room for what is to
        // be said behind one.
        if (exchange.to_client != nullptr) return flush_interim(core, exchange);
        // Of heads, which no window bounds, one follows another only when there is room.
        if (exchange.interim != 0 && !may_read(exchange)) return Flow::wait;
        const Flow parsed = read_head(core, exchange);
        if (parsed == Flow::wait) {
            const Flow got = read_upstream(core, *upstream);
            return got == Flow::done ? broken_attempt(core, exchange) : got;
        }
        if (parsed != Flow::done) return parsed;
        if (exchange.response_body.framing.kind == http::BodyKind::tunnel) {
            begin_tunnel(core, exchange);
            return Flow::progress;
        }
    }
    return pump_body(core, exchange);
}

Flow flush_local(Core& core, Exchange& exchange) {
    Client& client = *exchange.client;
    if (client.sink != nullptr) return Flow::done;  // who waited was told
    if (!client.ready.writable) return Flow::wait;
    if (exchange.to_client->empty()) {  // a stream's head was all
        core.buffers.take_back(&exchange.to_client);
        return Flow::done;
    }
    const auto end = exchange.tunnel ? h2::End::open : h2::End::stream;
    const IoResult put = answer(client, exchange.to_client->view(), {}, end);
    if (put.end == IoEnd::would_block) return Flow::wait;
    if (put.end == IoEnd::broken) return Flow::gone;
    exchange.to_client->consume(put.bytes);
    const std::size_t of_head = std::min(put.bytes, exchange.local_head);
    exchange.local_head -= of_head;
    exchange.body_bytes_sent += put.bytes - of_head;
    if (!exchange.to_client->empty()) return Flow::progress;
    core.buffers.take_back(&exchange.to_client);
    return Flow::done;
}

}  // namespace moln::edge_loop
