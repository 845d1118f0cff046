#include "sim/faults.h"

#include <fmt/format.h>

namespace moln::sim {
namespace {

constexpr double k_authority_refuses = 0.2;
constexpr Milliseconds k_edge_upgrade_mean = minutes(1);

Status add(FaultRates& rates, std::string_view word) {
    const auto all = all_faults();
    if (word == "none") return {};
    if (word == "all") {
        rates = all;
    } else if (word == "crash") {
        rates.crash_at_job = all.crash_at_job;
        rates.crash_mean = all.crash_mean;
    } else if (word == "driver") {
        rates.driver_error = all.driver_error;
        rates.slow_call = all.slow_call;
    } else if (word == "store") {
        rates.store_error = all.store_error;
    } else if (word == "exit") {
        rates.exit_unheard = all.exit_unheard;
    } else if (word == "link") {
        rates.link_cut = all.link_cut;
        rates.link_repeat = all.link_repeat;
        rates.late_ack = all.late_ack;
    } else if (word == "death") {
        rates.instance_death_mean = all.instance_death_mean;
    } else if (word == "edge") {
        rates.edge_crash_mean = all.edge_crash_mean;
    } else if (word == "clock") {
        rates.clock_step_mean = all.clock_step_mean;
    } else if (word == "authority") {
        rates.authority = k_authority_refuses;
    } else if (word == "upgrade") {
        rates.edge_upgrade_mean = k_edge_upgrade_mean;
    } else if (word == "release") {
        rates.bad_release = all.bad_release;
    } else {
        return fail(
            ErrorCode::invalid,
            fmt::format("no fault is called {}: there are crash, driver, store, exit, "
                        "link, death, edge, clock, release, authority, upgrade, all and none",
                        word));
    }
    return {};
}

}  // namespace

FaultRates no_faults() {
    return {};
}

FaultRates all_faults() {
    return {.crash_at_job = 0.002,
            .crash_mean = minutes(10),
            .driver_error = 0.02,
            .slow_call = 0.02,
            .store_error = 0.01,
            .exit_unheard = 0.1,
            .link_cut = 0.003,
            .link_repeat = 0.01,
            .late_ack = 0.05,
            .instance_death_mean = minutes(10),
            .edge_crash_mean = minutes(30),
            .clock_step_mean = minutes(30),
            .bad_release = 0.3};
}

Result<FaultRates> faults_from(std::string_view words) {
    FaultRates rates;
    while (!words.empty()) {
        const auto comma = words.find(',');
        MOLN_TRY(add(rates, words.substr(0, comma)));
        if (comma == std::string_view::npos) break;
        words.remove_prefix(comma + 1);
    }
    return rates;
}

}  // namespace moln::sim
