// moln_sim: simulates a node for hours from a seed, and says whether an invariant was broken.
#include <chrono>
#include <cstdlib>
#include <ctime>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "sim/simulation.h"

namespace {

int run(const moln::sim::SimOptions& options) {
    const auto before = std::clock();
    moln::sim::Simulation simulation(options);
    const auto result = simulation.run();
    const auto cpu = static_cast<double>(std::clock() - before) / CLOCKS_PER_SEC;
    const auto simulated = static_cast<double>(result.simulated.count) / 1000;
    fmt::print(
        "seed {} fingerprint {:016x} simulated {:.2f} h in {:.2f} CPU s ({:.0f} times real time) "
        "events {} commits {} daemon lives {} commands {} requests {} failures excused {}\n",
        options.seed, result.fingerprint, simulated / 3600, cpu, simulated / cpu, result.events,
        result.commits, result.daemon_lives, result.commands_acknowledged, result.requests,
        result.failures_excused);
    if (!result.violation) return 0;
    fmt::print("{}invariant {} is broken: {}\n", result.story,
               static_cast<int>(result.violation->invariant), result.violation->text);
    return 1;
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app("Simulates a Moln node from a seed; equal seeds print equal fingerprints.");
    moln::sim::SimOptions options;
    double hours = 1;
    std::int64_t seeds = 1;
    std::int64_t command_seconds = 20;
    std::string faults = "all";
    app.add_option("--seed", options.seed, "first seed")->capture_default_str();
    app.add_option("--seeds", seeds, "number of seeds, one after the other")->capture_default_str();
    app.add_option("--hours", hours, "hours of trouble to simulate")->capture_default_str();
    app.add_option("--faults", faults,
                   "what goes wrong: crash,driver,store,exit,link,death,edge,clock,release;\n"
                   "all or none; besides authority and upgrade")
        ->capture_default_str();
    app.add_option("--command-every", command_seconds, "mean seconds between two commands")
        ->capture_default_str();
    app.add_flag("--story", options.print_story, "print every event");
    CLI11_PARSE(app, argc, argv);
    const auto rates = moln::sim::faults_from(faults);
    if (!rates) {
        fmt::print(stderr, "{}\n", rates.error().reason);
        return 2;
    }
    options.faults = *rates;
    options.duration = {static_cast<std::int64_t>(hours * 3'600'000)};
    options.command_mean = moln::seconds(command_seconds);
    int failed = 0;
    for (std::int64_t i = 0; i < seeds; ++i, ++options.seed) failed |= run(options);
    return failed;
}
