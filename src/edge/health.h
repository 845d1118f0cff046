// What probes say about one endpoint: a state machine of outcomes, and when to probe next. Not
// the probing itself, and not what requests experience: that is ejection.h.
#pragma once

#include <cstdint>
#include <string>

#include "edge/limits.h"
#include "model/edge.h"

namespace moln::edge {

// An unhealthy endpoint is healthy again after this many good probes in a row; a fresh one after
// its first.
inline constexpr std::int64_t k_healthy_after = 2;

struct ProbeOutcome {
    bool good = false;
    std::string reason = {};  // of a bad one, for users: "connection refused on port 3000"
};

class ProbedHealth {
public:
    // True when health() changed. An endpoint that was never healthy stays `unknown` while it is
    // warming, however often a probe fails: it is starting. Its reason is kept for the report.
    bool apply(const ProbeOutcome& outcome, const HealthSpec& spec, EndpointState state);

    EndpointHealth health() const { return health_; }
    // Of the last bad probe; empty while healthy.
    const std::string& reason() const { return reason_; }

    // How long to wait after a probe that ended: short until the first success while warming.
    Milliseconds pause(const HealthSpec& spec, EndpointState state) const;
    // How long a probe may take to connect.
    Milliseconds connect_limit(const HealthSpec& spec, EndpointState state) const;

private:
    bool is_starting(EndpointState state) const;

    EndpointHealth health_ = EndpointHealth::unknown;
    std::int64_t good_in_row_ = 0;
    std::int64_t bad_in_row_ = 0;
    Milliseconds warming_pause_ = k_probe_warming_pause_first;
    std::string reason_;
};

}  // namespace moln::edge
