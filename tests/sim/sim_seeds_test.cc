// Many short simulations, and every seed that ever broke an invariant.
#include <fstream>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

#include "sim/simulation.h"

namespace moln::sim {
namespace {

SimResult simulate(std::uint64_t seed, const std::string& faults, Milliseconds trouble) {
    SimOptions options;
    options.seed = seed;
    options.faults = *faults_from(faults);
    options.duration = trouble;
    options.command_mean = seconds(15);
    return Simulation(options).run();
}

std::string told(std::uint64_t seed, const std::string& faults, const SimResult& result) {
    if (!result.violation) return "";
    return "seed " + std::to_string(seed) + " faults " + faults + "\n" + result.story +
           result.violation->text;
}

void expect_clean(std::uint64_t first, std::uint64_t count, const std::string& faults) {
    for (auto seed = first; seed < first + count; ++seed) {
        const auto result = simulate(seed, faults, minutes(10));
        ASSERT_FALSE(result.violation.has_value()) << told(seed, faults, result);
    }
}

TEST(Simulation, without_faults_keeps_every_promise) {
    expect_clean(1, 60, "none");
}
TEST(Simulation, with_all_faults_keeps_every_promise) {
    expect_clean(1'000, 80, "all");
}
TEST(Simulation, with_crashes_keeps_every_promise) {
    expect_clean(2'000, 40, "crash");
}
TEST(Simulation, with_bad_drivers_keeps_every_promise) {
    expect_clean(3'000, 40, "driver");
}
TEST(Simulation, with_a_bad_store_keeps_every_promise) {
    expect_clean(4'000, 20, "store,crash");
}
TEST(Simulation, with_a_bad_line_to_the_edge_keeps_every_promise) {
    expect_clean(5'000, 20, "link,edge");
}
TEST(Simulation, with_bad_releases_keeps_every_promise) {
    expect_clean(6'000, 40, "release,death,exit");
}

TEST(Simulation, with_public_hosts_and_an_authority_in_trouble_keeps_every_promise) {
    expect_clean(7'000, 30, "authority");
    expect_clean(8'000, 40, "all,authority");
}

TEST(Simulation, with_edges_in_one_anothers_place_keeps_every_promise) {
    expect_clean(9'000, 40, "upgrade");
    expect_clean(10'000, 40, "all,upgrade");
}

TEST(Simulation, seeds_that_once_failed_stay_mended) {
    std::ifstream file(MOLN_SIM_SEEDS);
    ASSERT_TRUE(file.is_open());
    std::string line;
    while (std::getline(file, line)) {
        if (line.empty() || line[0] == '#') continue;
        std::istringstream words(line);
        std::uint64_t seed = 0;
        std::string faults;
        std::int64_t span = 0;
        ASSERT_TRUE(words >> seed >> faults >> span) << line;
        const auto result = simulate(seed, faults, minutes(span));
        EXPECT_FALSE(result.violation.has_value()) << told(seed, faults, result);
    }
}

TEST(Simulation, equal_seeds_run_equally_and_others_do_not) {
    const auto first = simulate(7, "all", minutes(10));
    const auto again = simulate(7, "all", minutes(10));
    const auto other = simulate(8, "all", minutes(10));
    EXPECT_EQ(first.fingerprint, again.fingerprint);
    EXPECT_EQ(first.events, again.events);
    EXPECT_NE(first.fingerprint, other.fingerprint);
}

TEST(Simulation, does_something) {
    const auto result = simulate(7, "all", minutes(20));
    EXPECT_GT(result.commands_acknowledged, 20);
    EXPECT_GT(result.requests, 1'000);
    EXPECT_GT(result.daemon_lives, 1);
    EXPECT_GT(result.commits, 100);
}

}  // namespace
}  // namespace moln::sim
