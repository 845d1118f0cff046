// What the edge counted for one route, since the edge began to count for it. A user's route is its
// host and path; beyond a number of them (edge/limits.h) the others are told as one.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/edge.h"

namespace moln {

struct EdgeRouteReport {
    std::string host;  // as in EdgeRoute; "" and no path: all that are not told apart
    std::string path;
    std::int64_t requests_total = 0;
    std::int64_t errors_total = 0;             // 5xx and broken responses
    std::int64_t cache_hits_total = 0;         // answered from the cache
    std::int64_t cache_misses_total = 0;       // fetched for the cache, or waited for that
    std::int64_t cache_passes_total = 0;       // not kept
    std::int64_t bytes_in_total = 0;           // of request bodies
    std::int64_t bytes_out_total = 0;          // of response bodies
    std::vector<std::int64_t> latency_counts;  // as EdgeAppReport's
    friend bool operator==(const EdgeRouteReport&, const EdgeRouteReport&) = default;
};
BOOST_DESCRIBE_STRUCT(EdgeRouteReport, (),
                      (host, path, requests_total, errors_total, cache_hits_total,
                       cache_misses_total, cache_passes_total, bytes_in_total, bytes_out_total,
                       latency_counts))

}  // namespace moln
