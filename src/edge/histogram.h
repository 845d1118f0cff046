// Latency buckets of the edge's reports (k_latency_bounds_us in model/edge.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>

#include "model/edge.h"

namespace moln::edge {

// One count a bound, and one for everything above.
inline constexpr std::size_t k_latency_buckets = std::size(k_latency_bounds_us) + 1;

// The bucket of a duration: the first whose bound is not below it.
constexpr std::size_t latency_bucket(std::int64_t duration_us) {
    std::size_t bucket = 0;
    for (const std::int64_t bound : k_latency_bounds_us) {
        bucket += static_cast<std::size_t>(duration_us > bound);
    }
    return bucket;
}

}  // namespace moln::edge
