#include "runtime/edge/h2_connection.h"

#include <algorithm>
#include <array>

#include "runtime/edge/core.h"
#include "runtime/edge/flow.h"

namespace moln::edge_loop {
namespace {

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

// Field lines without those of names that the edge knows: how many bytes are left of them, in
// place.
std::size_t keep_unknown(std::span<char> lines) {
    std::size_t kept = 0;
    for (std::size_t at = 0; at < lines.size();) {
        const std::string_view rest(lines.data() + at, lines.size() - at);
        const auto line = rest.substr(0, rest.find('\n') + 1);
        if (http::field_id(line.substr(0, line.find(':'))) == http::FieldId::other) {
            std::copy(line.begin(), line.end(), lines.begin() + static_cast<std::ptrdiff_t>(kept));
            kept += line.size();
        }
        at += line.size();
    }
    return kept;
}

}  // namespace

Client& client_of(const H2Stream& stream) {
    return *static_cast<Client*>(stream.end);
}

H2Connection& connection_of(const Client& client) {
    return *client.carrier->h2;
}

std::unique_ptr<H2Connection> H2Connection::make(Core& core, Client& carrier) {
    std::unique_ptr<H2Connection> connection(new H2Connection(core, carrier));
    connection->session_ = h2::Session::make_server(*connection);
    if (!connection->session_) return nullptr;
    connection->mark_dirty();
    return connection;
}

H2Connection::H2Connection(Core& core, Client& carrier)
    : H2Link(core, carrier), client_(carrier), budget_(core.now_ms) {}

H2Connection::~H2Connection() {
    core_.buffers.take_back(&fields_);
}

void H2Connection::on_turn_end() {
    flush_http2(core_, client_);
}

h2::ErrorCode H2Connection::last_word() const {
    return overdrawn_ ? h2::ErrorCode::enhance_your_calm : h2::ErrorCode::protocol_error;
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

void H2Connection::on_dropped() {
    core_.counts.h2_streams_open.add(-1);
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
    client->carrier = &client_;
    client->stream = stream;
    client->state = ClientState::head;
    client->in = in;
    client->ready.writable = true;
    stream->end = client;
    add(*stream);
    core_.counts.h2_streams_open.add(1);
    core_.counts.h2_streams_total.add(1);
    set_timer(core_, *client, core_.head_timers, core_.limits.head);
    return stream;
}

std::span<char> H2Connection::field_room(h2::Stream&) {
    if (fields_ == nullptr) fields_ = core_.buffers.lend();
    if (fields_ == nullptr) return {};
    return {fields_->bytes, h2::k_header_list_bytes_max};
}

void H2Connection::on_head(h2::Stream& stream, const h2::FieldBlock& block) {
    H2Stream& it = own(stream);
    Buffer& in = *client_of(it).in;
    budget_.note_request();
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
    core_.buffers.take_back(&fields_);
    mark_ready(it);
}

// For an instance that takes them. Fields that this edge knows are for heads: what a client says in
// one behind its body is nobody's to believe.
void H2Connection::on_trailers(h2::Stream& stream, const h2::FieldBlock& block) {
    H2Stream& it = own(stream);
    Buffer* out = core_.buffers.lend();
    if (out != nullptr) {
        const auto size = h2::write_trailers(block, {out->tail(), out->room()});
        if (size) {
            out->end += keep_unknown({out->tail(), *size});
        } else {
            it.leave_with = h2::ErrorCode::protocol_error;
            on_closed(it, static_cast<std::uint32_t>(it.leave_with));
        }
    }
    core_.buffers.take_back(&it.trailers);
    it.trailers = out;
    core_.buffers.take_back(&fields_);
    mark_ready(it);
}

// Nobody reads what a client sent that has taken its request back. To break it, so that this end
// must reset it, is no cheaper (CVE-2025-8671).
void H2Connection::on_closed(h2::Stream& stream, std::uint32_t error) {
    H2Stream& it = own(stream);
    if (!it.ended_in || !it.ended_out) {
        it.end->ready.broken = true;
        const bool pays = budget_.note_frame(h2::FrameKind::reset, 0, core_.now_ms);
        overdrawn_ = overdrawn_ || !pays;
    }
    H2Link::on_closed(stream, error);
}

// What a reset costs is paid when its request is over.
bool H2Connection::on_frame(h2::FrameKind kind, std::size_t payload_bytes) {
    if (kind == h2::FrameKind::reset) kind = h2::FrameKind::control;
    if (!overdrawn_ && budget_.note_frame(kind, payload_bytes, core_.now_ms)) return true;
    overdrawn_ = true;
    core_.counts.h2_floods.add(1);
    return false;
}

}  // namespace moln::edge_loop
