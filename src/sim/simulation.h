// One simulated node: the real daemon loops over a fake machine, edge and store, with users and
// faults, all from one seed. A run alternates stretches of trouble with stretches of calm; in every
// calm it must converge, and memory, store and machine must tell the same.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "runtime/daemon.h"
#include "sim/checkers.h"
#include "sim/fake_drivers.h"
#include "sim/fake_edge.h"
#include "sim/fake_host_services.h"
#include "sim/sim_loop.h"
#include "sim/users.h"
#include "store/memory_store.h"

namespace moln::sim {

struct SimOptions {
    std::uint64_t seed = 1;
    Milliseconds duration = minutes(30);  // of trouble, calm comes on top
    FaultRates faults = all_faults();
    Milliseconds command_mean = seconds(20);
    bool print_story = false;
    // What is broken on purpose, to see that a checker tells.
    LeaderLoop::Planner planner = plan::plan;
    bool check_plans = true;  // by plan/invariants.h; off for a planner that is broken on purpose
    BrokenDriver broken_driver;
    bool edge_keeps_draining = false;
    bool store_forgets = false;  // says committed, and is not
};

struct SimResult {
    std::optional<Violation> violation;
    std::uint64_t fingerprint = 0;  // of the story, with a last random draw
    Milliseconds simulated;
    std::int64_t events = 0;
    std::int64_t commits = 0;
    std::int64_t daemon_lives = 0;
    std::int64_t commands_acknowledged = 0;
    std::int64_t requests = 0;
    std::int64_t failures_excused = 0;
    std::string story;  // the last lines, if there is a violation
};

class Simulation {
public:
    explicit Simulation(SimOptions options);
    ~Simulation();
    SimResult run();

private:
    LeaderLoop::Planner watched_planner();
    void inject_store_faults();
    void start_daemon();
    void crash_daemon();
    void users_act();
    void have_public_hosts();
    void act_on_hosts();
    void daemon_crashes();
    void instances_die();
    void edge_crashes();
    void edge_upgrades();
    void clock_steps();

    // Runs until `end`, or the first violation: then false.
    bool run_until(MonoTime end);
    bool trouble(Milliseconds span);
    bool calm();
    bool is_settled();

    SimOptions options_;
    Random random_;
    Timeline timeline_;
    Story story_;
    Faults faults_;
    Checkers checkers_;
    Host host_;
    FakeSandboxes sandboxes_;
    FakeVolumes volumes_;
    FakeImages images_;
    FakeEdge edge_;
    FakeHostServices services_;
    MemoryStore memory_;
    std::unique_ptr<Store> store_;
    Users users_;
    std::unique_ptr<SimLoop> loop_;
    std::unique_ptr<Daemon> daemon_;
    bool users_on_ = true;
    std::int64_t commits_ = 0;
    std::int64_t lives_ = 0;
};

}  // namespace moln::sim
