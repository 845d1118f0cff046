// How many requests are let in: the generic cell rate algorithm (ITU-T I.371, annex A), which needs
// one number for each who asks: when the next request would be due if all came evenly.
#pragma once

#include <cstdint>

#include "model/traffic.h"

namespace moln::edge {

struct RateRule {
    std::int64_t interval_ns = 0;   // between requests that come evenly
    std::int64_t tolerance_ns = 0;  // how far ahead of that a burst may be
};
RateRule rate_rule(const RateLimit& limit);

struct RateVerdict {
    std::int64_t due_ns = 0;   // of the next: to be kept when it passes
    std::int64_t wait_ns = 0;  // 0: it passes; else it would after so long
};
// `due_ns` is what was kept, 0 at first; what lies before `now_ns` needs not be kept.
RateVerdict rate_verdict(const RateRule& rule, std::int64_t due_ns, std::int64_t now_ns);

}  // namespace moln::edge
