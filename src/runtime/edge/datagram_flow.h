// The verbs by which a worker passes datagrams on. None blocks; a datagram that cannot be passed on
// at once is dropped, as a network may.
#pragma once

#include "runtime/edge/datagram_parts.h"
#include "runtime/edge/stream_flow.h"

namespace moln::edge_loop {

// Receives on exactly those of these that are this worker's from now on: a flow is of one worker,
// so a port is. Flows of those that are gone end.
void set_datagram_sockets(Core& core, const ListenSockets& sockets);
// Another edge receives on the same sockets; what flows here has answers yet to come.
void leave_datagram_sockets(Core& core);
// The worker that has the flows of a port, of so many.
inline std::size_t worker_of(const Listen& listen, std::size_t workers) {
    return listen.port % workers;
}
// A flow of that client, as yet without an instance and without a timer. Null: no route leads on,
// or there is no room for one more.
DatagramFlow* make_flow(Core& core, const DatagramListener& listener, const FlowKey& key,
                        const sockaddr_storage& client, socklen_t length);
// It has been used: it may be quiet for its whole limit again.
void keep_flow(Core& core, DatagramFlow& flow);
void receive_datagrams(Core& core, DatagramListener& listener);
void on_flow_event(Core& core, DatagramFlow& flow);
void fire_flow_timers(Core& core);
// Those that a drain or the edge's own end waits for may be quiet for less from now on.
void hurry_flows(Core& core);
void drop_dead_flows(Core& core);
template <typename Consider>
void each_flow_deadline(Core& core, Consider consider) {
    for (auto& [duration, list] : core.datagrams.idle_timers) {
        if (const DatagramFlow* flow = list.front()) consider(flow->deadline_ms);
    }
}

}  // namespace moln::edge_loop
