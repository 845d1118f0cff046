// Every checker fires: something is broken on purpose, and the invariant that it breaks is named.
// The numbers are those of docs/INVARIANTS.md.
#include <set>

#include <gtest/gtest.h>

#include "sim/simulation.h"

namespace moln::sim {
namespace {

// The invariants that a broken Moln is caught at, over a few seeds.
std::set<Invariant> caught(SimOptions options) {
    std::set<Invariant> found;
    for (std::uint64_t seed = 1; seed <= 12; ++seed) {
        options.seed = seed;
        options.duration = minutes(20);
        options.command_mean = seconds(15);
        options.check_plans = false;
        const auto result = Simulation(options).run();
        if (result.violation) found.insert(result.violation->invariant);
    }
    return found;
}

SimOptions quiet_host() {
    SimOptions options;
    options.faults = no_faults();
    return options;
}

TEST(SimChecker, fires_1_when_the_store_forgets_what_it_acknowledged) {
    auto options = quiet_host();
    options.store_forgets = true;
    EXPECT_TRUE(caught(options).contains(Invariant::acknowledged_is_kept));
}

TEST(SimChecker, fires_2_when_the_edge_goes_on_sending_to_what_drains) {
    auto options = quiet_host();
    options.edge_keeps_draining = true;
    EXPECT_TRUE(caught(options).contains(Invariant::drained_gets_nothing_new));
}

TEST(SimChecker, fires_3_when_an_instance_is_stopped_without_being_drained) {
    auto options = quiet_host();
    options.planner = [](const World& world, Now now, std::uint64_t seed) {
        auto plan = plan::plan(world, now, seed);
        for (auto& change : plan.changes) {
            auto* put = std::get_if<PutInstance>(&change);
            if (put == nullptr || put->instance.goal != InstanceGoal::drain) continue;
            put->instance.goal = InstanceGoal::stop;
        }
        return plan;
    };
    EXPECT_TRUE(caught(options).contains(Invariant::replaced_before_stopped));
}

TEST(SimChecker, fires_4_when_trash_is_destroyed_before_its_time) {
    auto options = quiet_host();
    options.planner = [](const World& world, Now now, std::uint64_t seed) {
        auto plan = plan::plan(world, now, seed);
        for (auto& change : plan.changes) {
            if (auto* put = std::get_if<PutTrash>(&change)) put->item.purging = true;
        }
        return plan;
    };
    EXPECT_TRUE(caught(options).contains(Invariant::data_dies_by_its_own_removal));
}

TEST(SimChecker, fires_4_when_the_trash_follows_a_clock_that_is_set) {
    SimOptions options;
    options.faults.clock_step_mean = minutes(2);
    options.planner = [](const World& world, Now now, std::uint64_t seed) {
        now.steady = {now.wall.ms};
        return plan::plan(world, now, seed);
    };
    EXPECT_TRUE(caught(options).contains(Invariant::data_dies_by_its_own_removal));
}

TEST(SimChecker, fires_4_when_a_driver_empties_a_volume) {
    SimOptions options;
    options.faults = *faults_from("crash,driver");
    options.broken_driver.create_empties_volume = true;
    EXPECT_TRUE(caught(options).contains(Invariant::data_dies_by_its_own_removal));
}

TEST(SimChecker, fires_4_when_the_files_of_a_site_go_while_it_is_served) {
    auto options = quiet_host();
    options.planner = [](const World& world, Now now, std::uint64_t seed) {
        auto plan = plan::plan(world, now, seed);
        const TrashId id("tr-0site00");
        for (const auto& app : world.edge.apps) {
            if (!app.site || world.trash.contains(id)) continue;
            json::object content;
            content.emplace("layers", json::array{json::value(json::string(app.site->name))});
            plan.changes.push_back(PutTrash{TrashItem{.id = id,
                                                      .kind = TrashKind::image,
                                                      .app = app.app,
                                                      .subject = app.app.text,
                                                      .node = world.self,
                                                      .dropped = now.wall,
                                                      .expires = now.steady + days(7),
                                                      .content = std::move(content)}});
            break;
        }
        return plan;
    };
    EXPECT_TRUE(caught(options).contains(Invariant::data_dies_by_its_own_removal));
}

TEST(SimChecker, fires_8_when_the_edges_are_given_a_site_that_is_not_there) {
    auto options = quiet_host();
    options.planner = [](const World& world, Now now, std::uint64_t seed) {
        auto plan = plan::plan(world, now, seed);
        if (!plan.edge) return plan;
        for (auto& app : plan.edge->apps) {
            if (app.site) app.site->name = "site-" + std::string(32, 'f');
        }
        return plan;
    };
    EXPECT_TRUE(caught(options).contains(Invariant::no_request_fails));
}

TEST(SimChecker, fires_5_when_the_plan_is_never_empty) {
    auto options = quiet_host();
    options.planner = [](const World& world, Now now, std::uint64_t seed) {
        auto plan = plan::plan(world, now, seed);
        plan.wake = now.mono + seconds(5);
        if (seed % 2 == 0) plan.changes.push_back(PutEvent{Event{.at = now.wall, .name = "tick"}});
        return plan;
    };
    EXPECT_TRUE(caught(options).contains(Invariant::converges));
}

TEST(SimChecker, fires_6_when_a_driver_leaves_a_sandbox_behind) {
    auto options = quiet_host();
    options.broken_driver.remove_leaves_it = true;
    EXPECT_TRUE(caught(options).contains(Invariant::recovers_exactly));
}

TEST(SimChecker, fires_7_when_a_driver_says_ended_of_what_still_runs) {
    auto options = quiet_host();
    options.broken_driver.ends_early = true;
    EXPECT_TRUE(caught(options).contains(Invariant::one_writer));
}

TEST(SimChecker, fires_8_when_endpoints_leave_the_edge_too_early) {
    auto options = quiet_host();
    options.planner = [](const World& world, Now now, std::uint64_t seed) {
        auto plan = plan::plan(world, now, seed);
        if (!plan.edge) return plan;
        for (auto& app : plan.edge->apps) {
            app.hold = false;
            bool rolls = false;
            for (const auto& endpoint : app.endpoints) {
                rolls = rolls || endpoint.state == EndpointState::warming;
            }
            if (!rolls) continue;
            for (auto& endpoint : app.endpoints) endpoint.state = EndpointState::warming;
        }
        return plan;
    };
    EXPECT_TRUE(caught(options).contains(Invariant::no_request_fails));
}

}  // namespace
}  // namespace moln::sim
