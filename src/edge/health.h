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
    bool late = false;        // bad only for this: it was connected, and no answer came in time
};

class ProbedHealth {
public:
    // True when health() or late() changed. An endpoint that was never healthy stays `unknown`
    // while it is warming, however often a probe fails: it is starting. Its reason is kept for the
    // report.
    bool apply(const ProbeOutcome& outcome, const HealthSpec& spec, EndpointState state);

    EndpointHealth health() const { return health_; }
    // Of the last bad probe; empty while healthy.
    const std::string& reason() const { return reason_; }
    // It is unhealthy, and all that made it so were answers that did not come in time: whether it
    // could serve a request nobody knows.
    bool late() const { return late_; }

    // How long to wait after a probe that ended: short until the first success while warming.
    Milliseconds pause(const HealthSpec& spec, EndpointState state) const;
    // How long a probe may take to connect.
    Milliseconds connect_limit(const HealthSpec& spec, EndpointState state) const;

private:
    bool is_starting(EndpointState state) const;

    EndpointHealth health_ = EndpointHealth::unknown;
    std::int64_t good_in_row_ = 0;
    std::int64_t bad_in_row_ = 0;
    std::int64_t late_in_row_ = 0;
    bool late_ = false;
    Milliseconds warming_pause_ = k_probe_warming_pause_first;
    std::string reason_;
};

// Nobody of an app's active endpoints is healthy, and some are unhealthy for lateness alone: they
// are more likely overloaded than broken, and refusing all would make an outage of it. What is late
// then gets requests all the same (Envoy's panic mode).
class Panic {
public:
    void see(EndpointState state, EndpointHealth health, bool late) {
        if (state != EndpointState::active) return;
        if (health != EndpointHealth::unhealthy) any_other_ = true;
        if (health == EndpointHealth::unhealthy && late) any_late_ = true;
    }
    bool is_on() const { return any_late_ && !any_other_; }

private:
    bool any_late_ = false;
    bool any_other_ = false;
};

// What is said of an endpoint that gets requests for that reason, behind its own reason.
inline constexpr const char* k_panic_words =
    "; it gets requests all the same, for no other instance is healthy";

}  // namespace moln::edge
