#include "edge/health.h"

#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "edge/limits.h"

namespace moln::edge {
namespace {

const ProbeOutcome k_good{.good = true, .reason = ""};
const ProbeOutcome k_bad{.good = false, .reason = "connection refused on port 3000"};

const ProbeOutcome k_late{.good = false, .reason = "no answer", .late = true};

TEST(ProbedHealth, late_is_what_was_made_unhealthy_by_late_answers_alone) {
    const HealthSpec spec{.unhealthy_after = 3};
    ProbedHealth health;
    health.apply(k_good, spec, EndpointState::active);
    for (int i = 0; i < 2; ++i) EXPECT_FALSE(health.apply(k_late, spec, EndpointState::active));
    EXPECT_FALSE(health.late());
    EXPECT_TRUE(health.apply(k_late, spec, EndpointState::active));
    EXPECT_TRUE(health.late());
    EXPECT_FALSE(health.apply(k_good, spec, EndpointState::active)) << "once is not enough";
    EXPECT_TRUE(health.late());
    EXPECT_TRUE(health.apply(k_bad, spec, EndpointState::active)) << "now it is refused";
    EXPECT_FALSE(health.late());
    EXPECT_EQ(health.health(), EndpointHealth::unhealthy);
    for (int i = 0; i < 2; ++i) EXPECT_FALSE(health.apply(k_late, spec, EndpointState::active));
    EXPECT_TRUE(health.apply(k_late, spec, EndpointState::active)) << "its health is the same";
    EXPECT_TRUE(health.late());
    health.apply(k_good, spec, EndpointState::active);
    EXPECT_TRUE(health.apply(k_good, spec, EndpointState::active));
    EXPECT_FALSE(health.late());
}

TEST(Panic, is_on_when_nobody_is_healthy_and_some_are_only_late) {
    const auto panics = [](std::vector<std::pair<EndpointHealth, bool>> endpoints) {
        Panic panic;
        panic.see(EndpointState::draining, EndpointHealth::healthy, false);
        panic.see(EndpointState::warming, EndpointHealth::unknown, false);
        for (const auto& [health, late] : endpoints) panic.see(EndpointState::active, health, late);
        return panic.is_on();
    };
    using enum EndpointHealth;
    EXPECT_FALSE(panics({}));
    EXPECT_FALSE(panics({{unhealthy, false}}));
    EXPECT_TRUE(panics({{unhealthy, true}}));
    EXPECT_TRUE(panics({{unhealthy, false}, {unhealthy, true}}));
    EXPECT_FALSE(panics({{healthy, false}, {unhealthy, true}}));
    EXPECT_FALSE(panics({{unknown, false}, {unhealthy, true}})) << "it may be healthy";
}

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
