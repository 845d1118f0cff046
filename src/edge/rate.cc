#include "edge/rate.h"

#include <algorithm>

namespace moln::edge {

RateRule rate_rule(const RateLimit& limit) {
    constexpr std::int64_t k_ns_per_ms = 1'000'000;
    constexpr std::int64_t k_tolerance_max = days(30).count * k_ns_per_ms;
    const std::int64_t interval =
        std::max<std::int64_t>(limit.window.count * k_ns_per_ms / limit.requests, 1);
    const std::int64_t burst = limit.burst == 0 ? limit.requests : limit.burst;
    const auto tolerance = static_cast<double>(interval) * static_cast<double>(burst - 1);
    const bool endless = tolerance >= static_cast<double>(k_tolerance_max);
    return {.interval_ns = interval,
            .tolerance_ns = endless ? k_tolerance_max : interval * (burst - 1)};
}

RateVerdict rate_verdict(const RateRule& rule, std::int64_t due_ns, std::int64_t now_ns) {
    const std::int64_t due = std::max(due_ns, now_ns);
    const std::int64_t early = due - now_ns - rule.tolerance_ns;
    if (early > 0) return {.due_ns = due_ns, .wait_ns = early};
    return {.due_ns = due + rule.interval_ns, .wait_ns = 0};
}

}  // namespace moln::edge
