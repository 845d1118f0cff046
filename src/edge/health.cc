#include "edge/health.h"

#include <algorithm>

#include "edge/limits.h"

namespace moln::edge {

bool ProbedHealth::apply(const ProbeOutcome& outcome, const HealthSpec& spec, EndpointState state) {
    const EndpointHealth before = health_;
    if (outcome.good) {
        bad_in_row_ = 0;
        ++good_in_row_;
        if (health_ != EndpointHealth::unhealthy || good_in_row_ >= k_healthy_after) {
            health_ = EndpointHealth::healthy;
            reason_.clear();
        }
    } else {
        good_in_row_ = 0;
        ++bad_in_row_;
        reason_ = outcome.reason;
        const bool starting = state == EndpointState::warming && health_ == EndpointHealth::unknown;
        if (!starting && bad_in_row_ >= std::max<std::int64_t>(spec.unhealthy_after, 1)) {
            health_ = EndpointHealth::unhealthy;
        }
    }
    return health_ != before;
}

Milliseconds ProbedHealth::pause(const HealthSpec& spec, EndpointState state) const {
    if (state == EndpointState::warming && health_ == EndpointHealth::unknown) {
        return k_probe_warming_pause;
    }
    return std::max(spec.interval, k_probe_interval_min);
}

}  // namespace moln::edge
