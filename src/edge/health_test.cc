#include "edge/health.h"

#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "edge/limits.h"

namespace moln::edge {
namespace {

const ProbeOutcome k_good{.good = true, .reason = ""};
const ProbeOutcome k_bad{.good = false, .reason = "connection refused on port 3000"};

TEST(ProbedHealth, the_first_success_makes_healthy) {
    ProbedHealth health;
    EXPECT_TRUE(health.apply(k_good, {}, EndpointState::warming));
    EXPECT_EQ(health.health(), EndpointHealth::healthy);
    EXPECT_FALSE(health.apply(k_good, {}, EndpointState::warming));
}

TEST(ProbedHealth, a_starting_endpoint_is_not_called_unhealthy_but_says_why) {
    ProbedHealth health;
    for (int i = 0; i < 100; ++i) EXPECT_FALSE(health.apply(k_bad, {}, EndpointState::warming));
    EXPECT_EQ(health.health(), EndpointHealth::unknown);
    EXPECT_EQ(health.reason(), k_bad.reason);
    EXPECT_EQ(health.pause({}, EndpointState::warming), k_probe_warming_pause_max);
    EXPECT_EQ(health.pause({}, EndpointState::active), HealthSpec{}.interval);
}

TEST(ProbedHealth, a_starting_endpoint_is_found_ready_within_an_eighth_of_its_start_or_a_pause) {
    ProbedHealth health;
    std::int64_t waited = 0;
    std::int64_t last = 0;
    for (int i = 0; i < 100; ++i) {
        const auto pause = health.pause({}, EndpointState::warming).count;
        EXPECT_GE(pause, last);
        EXPECT_LE(pause, k_probe_warming_pause_first.count + waited / 8 + 1);
        EXPECT_LE(pause, k_probe_warming_pause_max.count);
        waited += last = pause;
        health.apply(k_bad, {}, EndpointState::warming);
    }
}

TEST(ProbedHealth, only_a_starting_endpoint_must_connect_soon) {
    ProbedHealth health;
    HealthSpec spec;
    spec.timeout = seconds(2);
    EXPECT_EQ(health.connect_limit(spec, EndpointState::warming), k_probe_warming_connect_limit);
    EXPECT_EQ(health.connect_limit(spec, EndpointState::active), spec.timeout);
    health.apply(k_good, spec, EndpointState::warming);
    EXPECT_EQ(health.connect_limit(spec, EndpointState::warming), spec.timeout);
    spec.timeout = Milliseconds{50};
    EXPECT_EQ(ProbedHealth{}.connect_limit(spec, EndpointState::warming), spec.timeout);
}

TEST(ProbedHealth, falls_at_the_limit_and_not_one_before) {
    ProbedHealth health;
    HealthSpec spec;
    spec.unhealthy_after = 3;
    health.apply(k_good, spec, EndpointState::active);
    EXPECT_FALSE(health.apply(k_bad, spec, EndpointState::active));
    EXPECT_FALSE(health.apply(k_bad, spec, EndpointState::active));
    EXPECT_TRUE(health.apply(k_bad, spec, EndpointState::active));
    EXPECT_EQ(health.health(), EndpointHealth::unhealthy);
    EXPECT_FALSE(health.apply(k_good, spec, EndpointState::active));
    EXPECT_EQ(health.health(), EndpointHealth::unhealthy);
    EXPECT_TRUE(health.apply(k_good, spec, EndpointState::active));
    EXPECT_EQ(health.reason(), "");
}

TEST(ProbedHealth, any_history_is_decided_by_its_end) {
    EXPECT_TRUE(rc::check("suffix decides", [](std::vector<bool> history) {
        ProbedHealth health;
        HealthSpec spec;
        spec.unhealthy_after = 3;
        health.apply(k_good, spec, EndpointState::active);
        for (const bool good : history) {
            health.apply(good ? k_good : k_bad, spec, EndpointState::active);
        }
        const auto ends_with = [&](bool good, std::size_t count) {
            return history.size() >= count &&
                   std::all_of(history.end() - static_cast<std::ptrdiff_t>(count), history.end(),
                               [&](bool one) { return one == good; });
        };
        if (ends_with(true, 2)) RC_ASSERT(health.health() == EndpointHealth::healthy);
        if (ends_with(false, 3)) RC_ASSERT(health.health() == EndpointHealth::unhealthy);
        RC_ASSERT(health.health() != EndpointHealth::unknown);
    }));
}

TEST(ProbedHealth, an_absurd_interval_is_bounded) {
    HealthSpec eager;
    eager.interval = Milliseconds{0};
    EXPECT_EQ(ProbedHealth{}.pause(eager, EndpointState::active), k_probe_interval_min);
}

}  // namespace
}  // namespace moln::edge
