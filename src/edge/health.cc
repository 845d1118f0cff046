#include "edge/health.h"

#include <algorithm>

namespace moln::edge {
namespace {

Milliseconds grown(Milliseconds pause) {
    return {std::min(pause.count + std::max<std::int64_t>(pause.count / 8, 1),
                     k_probe_warming_pause_max.count)};
}

}  // namespace

bool ProbedHealth::is_starting(EndpointState state) const {
    return state == EndpointState::warming && health_ == EndpointHealth::unknown;
}

bool ProbedHealth::apply(const ProbeOutcome& outcome, const HealthSpec& spec, EndpointState state) {
    const EndpointHealth before = health_;
    const bool was_late = late_;
    late_in_row_ = outcome.late ? late_in_row_ + 1 : 0;
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
        warming_pause_ = grown(warming_pause_);
        if (!is_starting(state) && bad_in_row_ >= std::max<std::int64_t>(spec.unhealthy_after, 1)) {
            health_ = EndpointHealth::unhealthy;
        }
    }
    late_ =
        health_ == EndpointHealth::unhealthy &&
        (outcome.good ? late_ : late_in_row_ >= std::max<std::int64_t>(spec.unhealthy_after, 1));
    return health_ != before || late_ != was_late;
}

Milliseconds ProbedHealth::pause(const HealthSpec& spec, EndpointState state) const {
    if (is_starting(state)) return warming_pause_;
    return std::max(spec.interval, k_probe_interval_min);
}

Milliseconds ProbedHealth::connect_limit(const HealthSpec& spec, EndpointState state) const {
    return is_starting(state) ? std::min(spec.timeout, k_probe_warming_connect_limit)
                              : spec.timeout;
}

}  // namespace moln::edge
