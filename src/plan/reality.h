// A small world for tests of the plan: nodes and an edge that do what they are told, a step at a
// time, over a World that plans and commands are applied to. Not the simulator: no ports, no loops,
// no lost messages. Deterministic: what moves in a step is the caller's choice.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "plan/command.h"
#include "plan/plan.h"

namespace moln::plan {

// How the instances of a release behave.
enum class Behaviour {
    well,
    crashing,     // end at once, with code 1
    silent,       // run, listen on nothing
    unstartable,  // cannot be made
    stubborn,     // ignore the stop signal
};

class Reality {
public:
    Reality();

    World world;
    Now now{{1'800'000'000'000}, {1'000'000}, {1'800'000'000'000}};
    std::map<std::int64_t, Behaviour> behaviours;  // by release number; else well
    std::map<InstanceId, std::int64_t> open;       // requests on an endpoint, set by the test
    bool edge_connected = true;
    bool edge_applies = true;  // false: the edge is slow and acknowledges nothing new
    bool issues = true;        // certificates that the plan orders
    // Of the public authority: how long a certificate lives, and why it refuses ("" it does not),
    // asked with the host and the challenge that it looked by.
    Milliseconds acme_life = days(90);
    Milliseconds acme_clock_ahead;  // the authority's, of ours
    std::function<std::string(const std::string& host, ChallengeKind kind)> acme_refuses;
    AcmeFault acme_fault = AcmeFault::host;  // whose it is
    bool acme_moves = true;                  // what is under way with it goes on
    std::int64_t acme_looks = 0;             // of the authority at a host
    // Called with every plan before it is applied.
    std::function<void(const World& before, const Plan& plan)> on_plan;

    Result<Outcome> command(const Command& command);
    // One plan, committed and published. Returns it.
    Plan plan_once();
    // The node and the edge each take one step; `moves` says whether an instance takes part.
    void step(const std::function<bool(const InstanceId&)>& moves);
    void step();
    // Plans and steps until nothing changes any more, by time too. Returns the number of rounds, or
    // -1 when it is not over after `rounds_max`.
    int settle(int rounds_max = 200);
    void pass(Milliseconds time);

private:
    struct Sandbox {
        InstancePhase phase = InstancePhase::absent;
        WallTime started;
        std::int64_t restarts = 0;
        std::optional<InstanceExit> exit;
    };

    Behaviour behaviour(const Instance& instance) const;
    void move(const Instance& instance, Sandbox& box);
    void run(const Instance& instance, Sandbox& box);
    void end(Sandbox& box, int code) const;
    void report_node();
    void settle_bytes();
    void step_edge();
    void commit(Changes changes);
    void issue(const std::vector<IssueOrder>& orders);
    void take(const AcmeStep& step);
    void move_attempts();

    std::map<InstanceId, Sandbox> sandboxes_;
    EdgeSnapshot published_;
    EdgeSnapshot applied_;
    std::uint64_t seed_ = 1;
};

// A release of `web` processes on port 8080 and whatever else a test adds.
AppConfig web_config(std::int64_t instances);
DeployCommand deploy_of(const std::string& app, AppConfig config);

}  // namespace moln::plan
