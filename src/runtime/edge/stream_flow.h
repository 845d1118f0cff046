// The verbs by which a worker moves streams along. As in flow.h none blocks, and calls go
// downwards: accept -> preface -> dispatch -> pump.
#pragma once

#include <cstdint>

#include "runtime/edge/flow.h"
#include "runtime/edge/stream_parts.h"

namespace moln::edge_loop {

// stream_accept.cc
// An address as the PROXY protocol has it.
edge::ProxyFamily proxy_address(const net::SocketAddress& address, edge::ProxyAddress& out);
// Listens on exactly these from now on.
void set_stream_sockets(Core& core, const ListenSockets& sockets);
// A batch of those who wait. True: more may.
bool accept_streams(Core& core, StreamListener& listener);
// What the kernel has accepted is taken, then nothing more.
void stop_accepting_streams(Core& core);
// Another edge accepts on the same sockets.
void leave_stream_sockets(Core& core);
void resume_accepting_streams(Core& core);
// Has epoll tell of it. What the kernel refuses is said, and tried again by retry_listening().
void watch(Core& core, SocketListener& listener, std::uint32_t events);
void unwatch(Core& core, SocketListener& listener);
// What could not be watched, be it of streams or of datagrams, once the pause is over.
void retry_listening(Core& core);
// Streams whose routes the snapshot no longer has go on.
void drop_dead_streams(Core& core);

// stream_flow.cc
// Goes on with whatever can be done now. May close it.
void drive_stream(Core& core, Stream& stream);
void on_stream_event(Core& core, StreamEnd& end, std::uint32_t events);
void on_stream_timer(Core& core, Stream& stream);
void close_stream(Core& core, Stream& stream, edge::StreamOutcome outcome);
void run_streams_again(Core& core);
void log_stream_record(Core& core, const edge::StreamRecord& record);
void fire_stream_timers(Core& core);
// Calls `consider` with the first deadline of each kind.
template <typename Consider>
void each_stream_deadline(Core& core, Consider consider) {
    auto& streams = core.streams;
    for (auto* list :
         {&streams.preface_timers, &streams.connect_timers, &streams.half_closed_timers}) {
        if (const Stream* stream = list->front()) consider(stream->deadline_ms);
    }
    for (auto& [duration, list] : streams.idle_timers) {
        if (const Stream* stream = list.front()) consider(stream->deadline_ms);
    }
}

// stream_dispatch.cc
// Where its name and port lead to, now that they are known.
void route_stream(Core& core, Stream& stream);
void fail_stream_attempt(Core& core, Stream& stream);
void unhold_stream(Stream& stream);
// Lets waiting streams go, as far as endpoints and time allow.
void serve_held_streams(Core& core, AppView& app);

// stream_pump.cc
Flow pump_stream(Core& core, Stream& stream);

}  // namespace moln::edge_loop
