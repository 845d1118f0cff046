// Flows that go on in another process: from the edge that leaves to the one that takes its place.
#pragma once

#include <vector>

#include "runtime/edge/core.h"

namespace moln::edge_loop {

// All that this worker has are left to the edge that takes this one's place, if that wants them.
// Each is counted here as open for a little longer, so that who waits for what is open at an
// instance finds it at one of the two at any time.
void leave_flows(Core& core);
// Goes on with those of the edge before, on the sockets that are listened on. One whose socket,
// route or instance is gone is none: its next datagram begins another.
void take_flows(Core& core, std::vector<MovedFlow> flows);

}  // namespace moln::edge_loop
