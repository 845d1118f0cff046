// An EdgeReport as the lines that an edge says it in: {"report": …, "counts": …, "deltas": true,
// "cache_peers": true, "changes": true}, and for a long one several, each but the last with "more":
// true and some of its apps and endpoints. "deltas", "cache_peers" and "changes" tell a daemon what
// this edge understands: differences of snapshots (model/edge_delta.h), peers
// (model/cache_peering.h), and that one asks for differences of reports (model/report_changes.h).
// The first line has "counts", an EdgeProcessCounts.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "model/edge.h"
#include "model/edge_process.h"
#include "model/report_changes.h"

namespace moln::edge {

// Apps and endpoints of a line: one is some hundred bytes, and a daemon takes 16 MiB.
inline constexpr std::size_t k_report_entries_max = 16'000;

std::vector<std::string> report_lines(EdgeReport report, const EdgeProcessCounts& counts);

// The same of what has changed since the last that was said: the first line has "since": true,
// "endpoints_gone" and "apps_gone" besides.
std::vector<std::string> change_lines(ReportChanges changes, const EdgeProcessCounts& counts);

}  // namespace moln::edge
