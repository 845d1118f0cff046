// How long to wait before doing again what failed: 1 s, doubling, at most 60 s.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/units.h"

namespace moln::node {

inline constexpr Milliseconds k_backoff_first = seconds(1);
inline constexpr Milliseconds k_backoff_max = seconds(60);
// An instance that was up this long before it ended has shown that it can live: start over.
inline constexpr Milliseconds k_backoff_forgiven_after = seconds(60);

struct Backoff {
    std::int64_t failures = 0;
    MonoTime until;  // nothing is tried before
    friend bool operator==(const Backoff&, const Backoff&) = default;

    void raise(MonoTime now) {
        // 2^6 s is above the maximum already: the exponent stays small.
        const auto exponent = std::min<std::int64_t>(failures, 6);
        const auto delay = std::min(k_backoff_first * (std::int64_t{1} << exponent), k_backoff_max);
        ++failures;
        until = now + delay;
    }
    void clear() { *this = Backoff{}; }
    bool waits(MonoTime now) const { return now < until; }
};

}  // namespace moln::node
