// An EdgeReport as the lines that an edge says it in: {"report": …, "deltas": true, …}, and for a
// long one several, each but the last with "more": true and some of its apps and endpoints.
// "deltas" and "cache_peers" tell a daemon that this edge takes differences (model/edge_delta.h)
// and peers (model/cache_peering.h); the first has "counts", an EdgeProcessCounts.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "model/edge.h"
#include "model/edge_process.h"

namespace moln::edge {

// Apps and endpoints of a line: one is some hundred bytes, and a daemon takes 16 MiB.
inline constexpr std::size_t k_report_entries_max = 16'000;

std::vector<std::string> report_lines(EdgeReport report, const EdgeProcessCounts& counts);

}  // namespace moln::edge
