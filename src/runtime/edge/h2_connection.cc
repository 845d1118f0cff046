#include "runtime/edge/h2_connection.h"

#include <algorithm>
#include <array>

#include "base/check.h"
#include "runtime/edge/core.h"
#include "runtime/edge/flow.h"
#include "runtime/edge/socket_io.h"

namespace moln::edge_loop {
namespace {

// Where the raw fields of a head lie while they are gathered: behind the text that they become.
constexpr std::size_t k_fields_at = edge::k_buffer_bytes - h2::k_header_list_bytes_max;
static_assert(k_fields_at >= edge::k_head_bytes_max);
// A stream's window has room in one inbox.
static_assert(h2::k_stream_window_bytes <= edge::k_buffer_bytes);
static_assert(edge::k_h2_unsent_bytes_max + h2::k_output_room_bytes <= edge::k_buffer_bytes);

H2Stream& own(h2::Stream& stream) {
    return static_cast<H2Stream&>(stream);
}

// The key of a WebSocket handshake (RFC 6455 4.1) that we make for the instance: any will do, for
// nobody but that instance sees it.
constexpr std::size_t k_websocket_key_bytes = 24;
std::array<char, k_websocket_key_bytes> websocket_key(Random& random) {
    constexpr std::string_view k_alphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    constexpr std::size_t k_digits = 21;  // of 22, whose last has only two bits of the 128
    std::array<char, k_websocket_key_bytes> key;
    for (std::size_t i = 0; i < k_digits; ++i) key[i] = k_alphabet[random.next() & 63];
    key[k_digits] = "AQgw"[random.next() & 3];
    key[22] = key[23] = '=';
    return key;
}

}  // namespace

std::unique_ptr<H2Connection> H2Connection::make(Core& core, Client& carrier) {
    std::unique_ptr<H2Connection> connection(new H2Connection(core, carrier));
    connection->session_ = h2::Session::make_server(*connection);
    if (!connection->session_) return nullptr;
    connection->mark_dirty();
    return connection;
}

H2Connection::H2Connection(Core& core, Client& carrier)
    : core_(core), carrier_(carrier), budget_(core.now_ms) {}

H2Connection::~H2Connection() {
    CHECK(open_ == 0);
    core_.buffers.take_back(&out_);
}

bool H2Connection::take_in(std::string_view bytes) {
    mark_dirty();
    if (session_->receive(bytes)) return true;
    session_->give_up(overdrawn_ ? h2::ErrorCode::enhance_your_calm
                                 : h2::ErrorCode::protocol_error);
    return false;
}

bool H2Connection::flush() {
    for (;;) {
        session_->serve();
        if (!unsent()) {
            core_.buffers.take_back(&out_);
            return true;
        }
        if (!carrier_.ready.writable) return true;
        const IoResult put = edge_loop::transmit(carrier_, out_->view(), {});
        if (put.end == IoEnd::broken) return false;
        out_->consume(put.bytes);
        if (put.bytes != 0) carrier_.stalled = false;  // slow, but it reads
        if (put.end == IoEnd::would_block) return true;
    }
}

bool H2Connection::congested() const {
    return out_ != nullptr && out_->size() > edge::k_h2_unsent_bytes_max;
}

void H2Connection::announce_shutdown() {
    session_->announce_shutdown();
    mark_dirty();
}

void H2Connection::close_for_new() {
    closes_ = true;
    session_->close_for_new();
    mark_dirty();
}

bool H2Connection::respond(H2Stream& stream, std::string_view head, h2::End end) {
    mark_dirty();
    return session_->submit_response(stream, head, end);
}

IoResult H2Connection::receive(H2Stream& stream, Buffer& buffer) {
    Readiness& ready = stream.client->ready;
    if (stream.inbox == nullptr || stream.inbox->empty()) {
        ready.readable = false;
        if (stream.ended_in) return {IoEnd::ended, 0};
        if (!stream.closed) return {IoEnd::would_block, 0};
        ready.broken = true;
        return {IoEnd::broken, 0};
    }
    const auto data = stream.inbox->view().substr(0, buffer.room());
    buffer.append(data);
    const std::size_t count = data.size();
    stream.inbox->consume(count);
    if (stream.inbox->empty()) core_.buffers.take_back(&stream.inbox);
    ready.readable = stream.inbox != nullptr || stream.ended_in;
    session_->consumed(stream, count);
    mark_dirty();
    return {IoEnd::some, count};
}

IoResult H2Connection::transmit(H2Stream& stream, std::string_view head, std::string_view body,
                                h2::End end) {
    Readiness& ready = stream.client->ready;
    if (stream.closed) {
        ready.broken = true;
        return {IoEnd::broken, 0};
    }
    mark_dirty();
    const std::size_t wanted = head.size() + body.size();
    if (wanted == 0) {
        if (end == h2::End::stream) session_->end(stream);
        return {IoEnd::some, 0};
    }
    const std::size_t taken = session_->send(stream, head, body, end);
    budget_.note_sent(taken);
    if (taken < wanted) ready.writable = false;
    return {taken == 0 ? IoEnd::would_block : IoEnd::some, taken};
}

void H2Connection::end(H2Stream& stream) {
    mark_dirty();
    session_->end(stream);
}

void H2Connection::drop(H2Stream& stream, h2::ErrorCode why) {
    if (stream.inbox != nullptr) session_->consumed(stream, stream.inbox->size());
    core_.buffers.take_back(&stream.inbox);
    session_->detach(stream, why);
    mark_dirty();
    --open_;
    core_.counts.h2_streams_open.add(-1);
    core_.h2_streams.drop(&stream);
}

void H2Connection::mark_dirty() {
    auto& link = static_cast<edge::ListLink<ByFlush>&>(carrier_);
    if (!link.linked()) core_.flushes.push_back(&carrier_);
}

void H2Connection::mark_ready(H2Stream& stream) {
    if (!static_cast<edge::ListLink<ByReady>&>(stream).linked()) ready_.push_back(&stream);
}

h2::Stream* H2Connection::on_open(std::int32_t) {
    const bool full = core_.counts.h2_streams_open.get() >= core_.limits.streams_max;
    Buffer* in = full ? nullptr : core_.buffers.lend();
    if (in == nullptr) {
        core_.counts.h2_streams_refused.add(1);
        return nullptr;
    }
    H2Stream* stream = core_.h2_streams.make();
    Client* client = core_.clients.make();
    client->carrier = &carrier_;
    client->stream = stream;
    client->state = ClientState::head;
    client->in = in;
    client->ready.writable = true;
    stream->connection = this;
    stream->client = client;
    streams_.push_back(stream);
    ++open_;
    core_.counts.h2_streams_open.add(1);
    core_.counts.h2_streams_total.add(1);
    set_timer(core_, *client, core_.head_timers, core_.limits.head);
    return stream;
}

std::span<char> H2Connection::field_room(h2::Stream& stream) {
    H2Stream& it = own(stream);
    if (it.head_is_here) return {};  // trailers: nobody reads them
    return {it.client->in->bytes + k_fields_at, h2::k_header_list_bytes_max};
}

void H2Connection::on_head(h2::Stream& stream, const h2::FieldBlock& block) {
    H2Stream& it = own(stream);
    Buffer& in = *it.client->in;
    const auto key = websocket_key(core_.random);
    const auto text =
        h2::write_request(block, {key.data(), key.size()}, {in.bytes, edge::k_head_bytes_max});
    it.head_is_here = true;
    it.body_follows = !it.ended_in;
    if (text) {
        in.end = text->bytes;
        it.websocket = text->websocket;
    } else {
        it.refusal = text.error();
    }
    mark_ready(it);
}

void H2Connection::on_trailers(h2::Stream&, const h2::FieldBlock&) {}

void H2Connection::on_data(h2::Stream& stream, std::string_view data) {
    H2Stream& it = own(stream);
    if (it.inbox == nullptr) it.inbox = core_.buffers.lend();
    if (it.inbox != nullptr && it.inbox->room() < data.size()) it.inbox->compact();
    // Without memory the stream ends here; more than its window was refused before.
    if (it.inbox == nullptr || it.inbox->room() < data.size()) {
        session_->consumed(it, data.size());
        it.client->ready.broken = true;
    } else {
        it.inbox->append(data);
        it.client->ready.readable = true;
    }
    mark_ready(it);
}

void H2Connection::on_end(h2::Stream& stream) {
    H2Stream& it = own(stream);
    it.client->ready.readable = true;
    mark_ready(it);
}

void H2Connection::on_closed(h2::Stream& stream, std::uint32_t) {
    H2Stream& it = own(stream);
    const bool whole = it.ended_in && it.ended_out;
    if (!whole) it.client->ready.broken = true;
    mark_ready(it);
}

void H2Connection::on_room(h2::Stream& stream) {
    H2Stream& it = own(stream);
    it.client->ready.writable = true;
    mark_ready(it);
}

bool H2Connection::on_frame(h2::FrameKind kind, std::size_t payload_bytes) {
    if (budget_.note_frame(kind, payload_bytes, core_.now_ms)) return true;
    overdrawn_ = true;
    core_.counts.h2_floods.add(1);
    return false;
}

std::span<char> H2Connection::output() {
    if (out_ == nullptr) out_ = core_.buffers.lend();
    if (out_ == nullptr) return {};
    if (out_->room() < h2::k_output_room_bytes) out_->compact();
    return {out_->tail(), out_->room()};
}

void H2Connection::on_output(std::size_t bytes) {
    out_->end += bytes;
}

}  // namespace moln::edge_loop
