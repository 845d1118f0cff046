// The kernel's table of connections (nf_conntrack, by ctnetlink): what was sent on to an instance
// of ours. Blocking; of the network namespace of the calling thread.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "model/kernel_path.h"

namespace moln {

// TCP and UDP of IPv4 whose destination was translated to one in `base`.0.0/16.
Result<std::vector<KernelFlow>> list_flows(const std::string& base, WallTime now);

// Ok for those that are gone already.
Status forget_flows(const std::vector<KernelFlow>& flows);

}  // namespace moln
