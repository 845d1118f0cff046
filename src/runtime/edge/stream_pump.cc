// Bytes both ways, untouched, until both sides have ended. One side may end long before the other,
// but not for ever if nothing passes any more.
#include <sys/socket.h>

#include "runtime/edge/socket_io.h"
#include "runtime/edge/stream_flow.h"

namespace moln::edge_loop {
namespace {

enum class Passed : std::uint8_t { nothing, something, source_broke, sink_broke, no_memory };

Passed write_out(StreamEnd& source, StreamEnd& sink, Stream& stream) {
    const bool to_instance = &sink == &stream.instance;
    const std::string_view head = to_instance
                                      ? std::string_view(stream.head.data() + stream.head_sent,
                                                         stream.head_size - stream.head_sent)
                                      : std::string_view();
    const auto body = source.in == nullptr ? std::string_view() : source.in->view();
    if ((head.empty() && body.empty()) || !sink.ready.writable) return Passed::nothing;
    const IoResult put = transmit_raw(sink.fd.get(), sink.ready, head, body);
    if (put.end == IoEnd::broken) return Passed::sink_broke;
    const auto of_head = std::min(put.bytes, head.size());
    if (to_instance) stream.head_sent += of_head;
    if (put.bytes > of_head) source.in->consume(put.bytes - of_head);
    return put.bytes == 0 ? Passed::nothing : Passed::something;
}

Passed read_in(Core& core, StreamEnd& source) {
    if (source.ended || !source.ready.readable) return Passed::nothing;
    if (source.in == nullptr) source.in = core.buffers.lend();
    if (source.in == nullptr) return Passed::no_memory;
    if (source.in->room() == 0) source.in->compact();
    if (source.in->room() == 0) return Passed::nothing;
    const IoResult got =
        receive_raw(source.fd.get(), source.ready, {source.in->tail(), source.in->room()});
    if (got.end == IoEnd::broken) return Passed::source_broke;
    source.in->end += got.bytes;
    source.received += got.bytes;
    if (got.end == IoEnd::ended) source.ended = true;
    return got.end == IoEnd::would_block ? Passed::nothing : Passed::something;
}

// One direction: what is here goes out, then what has come is read.
Passed pass(Core& core, Stream& stream, StreamEnd& source, StreamEnd& sink) {
    const Passed out = write_out(source, sink, stream);
    if (out > Passed::something) return out;
    const Passed in = read_in(core, source);
    if (in > Passed::something) return in;
    if (source.in != nullptr && source.in->empty()) core.buffers.take_back(&source.in);
    return out == Passed::something ? out : in;
}

// The source has ended and all that it sent is out: the sink is told.
bool has_ended(const Stream& stream, StreamEnd& source, StreamEnd& sink) {
    const bool head_waits = &sink == &stream.instance && stream.head_sent < stream.head_size;
    if (!source.ended || source.in != nullptr || head_waits) return false;
    if (!sink.told_end) {
        sink.told_end = true;
        ::shutdown(sink.fd.get(), SHUT_WR);
    }
    return true;
}

void set_limits(Core& core, Stream& stream, bool moved) {
    const bool timed = static_cast<edge::ListLink<ByTimer>&>(stream).linked();
    if (timed && !moved) return;
    const bool half = stream.client.ended || stream.instance.ended;
    const bool has_idle = stream.idle.count > 0;
    if (half && (!has_idle || core.limits.half_closed < stream.idle)) {
        set_timer(core, stream, core.streams.half_closed_timers, core.limits.half_closed);
    } else if (has_idle) {
        set_timer(core, stream, core.streams.idle_timers[stream.idle.count], stream.idle);
    }
}

// It has broken off. What it said before goes out as far as the other one takes it now: a server
// that refuses the rest may have said why.
void pass_last_words(Core& core, Stream& stream, StreamEnd& from, StreamEnd& to) {
    from.ready.readable = true;
    while (!from.ended && pass(core, stream, from, to) == Passed::something) {
    }
}

edge::StreamOutcome outcome_of(Passed passed, bool source_is_client) {
    if (passed == Passed::no_memory) return edge::StreamOutcome::out_of_capacity;
    const bool client = (passed == Passed::source_broke) == source_is_client;
    return client ? edge::StreamOutcome::client_left : edge::StreamOutcome::instance_left;
}

}  // namespace

Flow pump_stream(Core& core, Stream& stream) {
    StreamEnd& client = stream.client;
    StreamEnd& instance = stream.instance;
    const auto in_before = client.received;
    const auto out_before = instance.received;
    const Passed up = pass(core, stream, client, instance);
    const Passed down =
        up > Passed::something ? Passed::nothing : pass(core, stream, instance, client);
    const bool of_client = up > Passed::something;
    const bool over = of_client || down > Passed::something;
    const auto outcome = outcome_of(of_client ? up : down, of_client);
    if (over && outcome == edge::StreamOutcome::client_left) {
        pass_last_words(core, stream, client, instance);
    } else if (over && outcome == edge::StreamOutcome::instance_left) {
        pass_last_words(core, stream, instance, client);
    }
    core.counts.stream_bytes_in.add(static_cast<std::int64_t>(client.received - in_before));
    core.counts.stream_bytes_out.add(static_cast<std::int64_t>(instance.received - out_before));
    if (over) {
        close_stream(core, stream, outcome);
        return Flow::gone;
    }
    const bool sent_up = has_ended(stream, client, instance);
    const bool sent_down = has_ended(stream, instance, client);
    if (sent_up && sent_down) {
        close_stream(core, stream, edge::StreamOutcome::done);
        return Flow::gone;
    }
    const bool moved = up == Passed::something || down == Passed::something;
    set_limits(core, stream, moved);
    return moved ? Flow::progress : Flow::wait;
}

}  // namespace moln::edge_loop
