#include "runtime/edge/h2_upstream.h"

#include "runtime/edge/core.h"
#include "runtime/edge/flow.h"

namespace moln::edge_loop {
namespace {

H2Stream& own(h2::Stream& stream) {
    return static_cast<H2Stream&>(stream);
}

}  // namespace

Upstream& upstream_of(const H2Stream& stream) {
    return *static_cast<Upstream*>(stream.end);
}

std::unique_ptr<H2Upstream> H2Upstream::make(Core& core, Upstream& carrier) {
    std::unique_ptr<H2Upstream> link(new H2Upstream(core, carrier));
    link->session_ = h2::Session::make_client(*link);
    return link->session_ ? std::move(link) : nullptr;
}

H2Upstream::H2Upstream(Core& core, Upstream& carrier) : H2Link(core, carrier), upstream_(carrier) {}

H2Upstream::~H2Upstream() {
    core_.buffers.take_back(&fields_);
}

Upstream* H2Upstream::open_stream() {
    H2Stream* stream = core_.h2_streams.make();
    Upstream* upstream = core_.upstreams.make();
    upstream->state = UpstreamState::busy;
    upstream->stream = stream;
    upstream->endpoint = upstream_.endpoint;
    upstream->ready.writable = true;
    stream->end = upstream;
    add(*stream);
    return upstream;
}

bool H2Upstream::submit(H2Stream& stream, std::string_view head, h2::End end) {
    mark_dirty();
    return session_->submit_request(stream, head, end);
}

void H2Upstream::lose() {
    lost_ = true;
    for (H2Stream* stream = first(); stream != nullptr; stream = after(*stream)) {
        // What never left is the instance's to refuse: it can be sent again, whatever it is.
        const bool unsent = !stream->closed && !session_->has_begun(*stream);
        if (unsent) stream->error = static_cast<std::uint32_t>(h2::ErrorCode::refused_stream);
        stream->closed = true;
        stream->end->ready.readable = stream->end->ready.hung_up = true;
        mark_ready(*stream);
    }
}

bool H2Upstream::connecting() const {
    return upstream_.state == UpstreamState::connecting;
}

void H2Upstream::note_connected() {
    for (H2Stream* stream = first(); stream != nullptr; stream = after(*stream)) {
        mark_ready(*stream);
    }
}

void H2Upstream::on_turn_end() {
    flush_upstream(core_, upstream_);
}

std::span<char> H2Upstream::field_room(h2::Stream&) {
    if (fields_ == nullptr) fields_ = core_.buffers.lend();
    if (fields_ == nullptr) return {};
    return {fields_->bytes, h2::k_header_list_bytes_max};
}

// A response's head goes where its body goes: as the text that HTTP/1 would have brought.
void H2Upstream::on_head(h2::Stream& stream, const h2::FieldBlock& block) {
    H2Stream& it = own(stream);
    if (it.inbox == nullptr) it.inbox = core_.buffers.lend();
    it.body_follows = !it.ended_in;
    bool good = it.inbox != nullptr;
    if (good) {
        it.inbox->compact();
        const auto size = h2::write_response(block, {it.inbox->tail(), it.inbox->room()});
        good = size.has_value();
        if (good) {
            it.inbox->end += *size;
            it.head_bytes += *size;
        }
    }
    core_.buffers.take_back(&fields_);
    it.end->ready.readable = true;
    if (!good) it.end->ready.broken = true;
    mark_ready(it);
}

void H2Upstream::on_trailers(h2::Stream& stream, const h2::FieldBlock& block) {
    H2Stream& it = own(stream);
    Buffer* out = core_.buffers.lend();
    if (out != nullptr) {
        const auto size = h2::write_trailers(block, {out->tail(), out->room()});
        if (size) out->end += *size;
    }
    core_.buffers.take_back(&it.trailers);
    it.trailers = out;
    core_.buffers.take_back(&fields_);
}

void H2Upstream::on_dropped() {
    if (open() == 0) idle_h2_upstream(core_, upstream_);
}

}  // namespace moln::edge_loop
