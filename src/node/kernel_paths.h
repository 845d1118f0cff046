// Which TCP and UDP routes the kernel passes on by itself, and to which instances. Pure.
//
// Where nothing of a connection has to be read, counted or timed the kernel does it; in doubt the
// edge does. The edge listens in any case: it gets what comes while no instance is ready.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "model/edge.h"
#include "model/kernel_path.h"

namespace moln::node {

// Half-closed connections on which nothing passes, as at the edge (edge::k_half_closed_limit).
inline constexpr Milliseconds k_path_half_closed = minutes(5);
// A UDP flow that was not answered, and one of an instance that drains: as at the edge.
inline constexpr Milliseconds k_path_unanswered = seconds(10);
inline constexpr Milliseconds k_path_draining_quiet = seconds(5);

struct PathSight {
    std::map<std::string, std::vector<std::string>> addresses;  // by listen: "127.0.0.1:5432", …
    std::set<InstanceId> healthy;
    std::string cannot;      // why the kernel does not do it at all
    std::string in_the_way;  // why it is not to without being asked to
};

struct PathDecision {
    PathTableSpec table;
    std::vector<StreamPath> told;  // one a listen, sorted
};

PathDecision decide_paths(const EdgeSnapshot& snapshot, const PathSight& sight);

// What the flows are to the plan, and which have nobody any more.
struct FlowCount {
    std::vector<EndpointReport> endpoints;  // with at least one open; sorted by instance
    std::vector<KernelFlow> to_end;
};

// A flow is ended if its instance is gone and not in the snapshot, or if it is UDP and quiet while
// its instance drains.
FlowCount count_flows(const EdgeSnapshot& snapshot, const std::vector<KernelFlow>& flows);

// In Prometheus' text format; "" without a listen. `open`: FlowCount's endpoints of the last look.
std::string path_metrics(const std::vector<PathCount>& counts,
                         const std::vector<EndpointReport>& open);

}  // namespace moln::node
