// What a node tells the leader of what it sees, drawn from the agent's state. Pure.
#pragma once

#include "model/world.h"
#include "node/assignment.h"
#include "node/state.h"

namespace moln::node {

// An error that may pass by itself is tried this often before the instance is said to have failed:
// a release is given up over a failed instance, and that is too much for one hiccup.
inline constexpr std::int64_t k_attempts_before_failed = 3;

// The phase of an assigned instance says how far its goal is: under drain, stop, kill and remove
// whatever does not run is `ended`, since it will not be started again.
InstanceSeen instance_seen(const InstanceWork& work, const SandboxState& state);

// Everything but the node's own facts (memory, processors, disk), which the caller fills in.
// Sandboxes that nobody assigned are told as they are, with generation 0.
NodeSeen report(const NodeId& node, const Assignment& assignment, const State& state);

}  // namespace moln::node
