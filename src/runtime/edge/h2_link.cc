#include "runtime/edge/h2_link.h"

#include <algorithm>

#include "base/check.h"
#include "runtime/edge/core.h"
#include "runtime/edge/socket_io.h"

namespace moln::edge_loop {
namespace {

// A stream's window has room in one inbox behind a head.
static_assert(h2::k_stream_window_bytes + edge::k_head_bytes_max <= edge::k_buffer_bytes);
static_assert(edge::k_h2_unsent_bytes_max + h2::k_output_room_bytes <= edge::k_buffer_bytes);

H2Stream& own(h2::Stream& stream) {
    return static_cast<H2Stream&>(stream);
}

}  // namespace

H2Link::~H2Link() {
    CHECK(open_ == 0);
    core_.buffers.take_back(&out_);
}

bool H2Link::take_in(std::string_view bytes) {
    mark_dirty();
    if (session_->receive(bytes)) return true;
    session_->give_up(last_word());
    return false;
}

bool H2Link::flush() {
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
        if (put.bytes != 0) stalled = false;  // slow, but it reads
        if (put.end == IoEnd::would_block) return true;
    }
}

bool H2Link::congested() const {
    return out_ != nullptr && out_->size() > edge::k_h2_unsent_bytes_max;
}

H2Stream* H2Link::next_ready() {
    if (H2Stream* stream = ready_.pop_front()) return stream;
    H2Stream* stream = congested() ? nullptr : waiting_.pop_front();
    if (stream != nullptr) stream->end->ready.writable = true;
    return stream;
}

bool H2Link::has_room_for(H2Stream& stream) {
    if (!congested()) return true;
    await_room(stream);
    return false;
}

IoResult H2Link::receive(H2Stream& stream, Buffer& buffer) {
    Readiness& ready = stream.end->ready;
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
    ready.readable = stream.inbox != nullptr || stream.ended_in || stream.closed;
    const std::size_t of_head = std::min(count, stream.head_bytes);
    stream.head_bytes -= of_head;
    if (count != of_head) {
        session_->consumed(stream, count - of_head);
        mark_dirty();
    }
    return {IoEnd::some, count};
}

IoResult H2Link::transmit(H2Stream& stream, std::string_view head, std::string_view body,
                          h2::End end) {
    Readiness& ready = stream.end->ready;
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
    on_sent(taken);
    if (taken < wanted) ready.writable = false;
    return {taken == 0 ? IoEnd::would_block : IoEnd::some, taken};
}

void H2Link::end(H2Stream& stream, std::string_view trailers) {
    mark_dirty();
    session_->end(stream, trailers);
}

void H2Link::drop(H2Stream& stream, h2::ErrorCode why) {
    if (stream.inbox != nullptr) {
        session_->consumed(stream, stream.inbox->size() - stream.head_bytes);
    }
    core_.buffers.take_back(&stream.inbox);
    core_.buffers.take_back(&stream.trailers);
    session_->detach(stream, why);
    mark_dirty();
    --open_;
    core_.h2_streams.drop(&stream);
    on_dropped();
}

void H2Link::add(H2Stream& stream) {
    stream.link = this;
    streams_.push_back(&stream);
    ++open_;
}

void H2Link::mark_dirty() {
    if (!linked()) core_.flushes.push_back(this);
}

void H2Link::mark_ready(H2Stream& stream) {
    if (!static_cast<edge::ListLink<ByReady>&>(stream).linked()) ready_.push_back(&stream);
}

void H2Link::on_data(h2::Stream& stream, std::string_view data) {
    H2Stream& it = own(stream);
    if (it.inbox == nullptr) it.inbox = core_.buffers.lend();
    if (it.inbox != nullptr && it.inbox->room() < data.size()) it.inbox->compact();
    // Without memory the stream ends here; more than its window was refused before.
    if (it.inbox == nullptr || it.inbox->room() < data.size()) {
        session_->consumed(it, data.size());
        it.end->ready.broken = true;
    } else {
        it.inbox->append(data);
        it.end->ready.readable = true;
    }
    mark_ready(it);
}

void H2Link::on_end(h2::Stream& stream) {
    H2Stream& it = own(stream);
    it.end->ready.readable = true;
    mark_ready(it);
}

void H2Link::on_closed(h2::Stream& stream, std::uint32_t error) {
    H2Stream& it = own(stream);
    it.error = error;
    // What came before the reset is still to be read; then receive() says that it broke.
    it.end->ready.readable = it.end->ready.hung_up = true;
    mark_ready(it);
}

void H2Link::await_room(H2Stream& stream) {
    if (!static_cast<edge::ListLink<ByRoom>&>(stream).linked()) waiting_.push_back(&stream);
}

void H2Link::on_room(h2::Stream& stream) {
    await_room(own(stream));
}

std::span<char> H2Link::output() {
    if (out_ == nullptr) out_ = core_.buffers.lend();
    if (out_ == nullptr) return {};
    if (out_->room() < h2::k_output_room_bytes) out_->compact();
    return {out_->tail(), out_->room()};
}

void H2Link::on_output(std::size_t bytes) {
    out_->end += bytes;
}

}  // namespace moln::edge_loop
