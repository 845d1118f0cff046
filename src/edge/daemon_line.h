// One line to the edge as a value. Of the daemon: {"snapshot": …}, {"delta": …}, {"listener": …},
// {"purge": …}, {"cache_peers": …}, {"get": "report"}, {"get": "changes"}, {"get": "metrics"} or
// {"get": "routes"}. Of an edge that takes its place: {"take_over": …}, {"took_over": …} or
// {"release": …}. Not how it travels.
#pragma once

#include <cstdint>
#include <string_view>
#include <variant>

#include "base/result.h"
#include "edge/hand_over.h"
#include "model/cache_peering.h"
#include "model/edge.h"
#include "model/edge_delta.h"

namespace moln::edge {

enum class DaemonAsk : std::uint8_t {
    report,
    changes,  // a report, and from then on only what changes (change_lines)
    metrics,
    routes,
};

using DaemonLine = std::variant<EdgeSnapshot, EdgeDelta, EdgeListenOffer, CachePurge, CachePeering,
                                DaemonAsk, TakeOver, TookOver, Release>;

// What an edge answers a delta with that is of another base: it wants the whole.
inline constexpr std::string_view k_resync_line = R"({"resync":{}})";

// `invalid` for anything else. A newer daemon may say more in a snapshot than this edge knows: that
// must not cost it its routes.
Result<DaemonLine> parse_daemon_line(std::string_view line);

}  // namespace moln::edge
