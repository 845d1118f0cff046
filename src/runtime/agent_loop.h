// Where the node's brain meets the drivers: finds what is there, carries out what is assigned,
// tells the leader what it sees. Begins with recovery: until every sandbox is known again nothing
// is started, stopped or reported.
//
// All calls and callbacks on the loop thread; driver calls go to the pool, one at a time for each
// instance, volume and trash item. The loop must not run on after this is destroyed.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "node/plan.h"
#include "ports/host_services.h"
#include "ports/images.h"
#include "ports/pool.h"
#include "ports/sandboxes.h"
#include "ports/volumes.h"
#include "runtime/leader_loop.h"

namespace moln {

// Driver calls under way at once; what is more waits for its turn.
inline constexpr std::size_t k_driver_calls_max = 64;
inline constexpr Milliseconds k_usage_interval = seconds(1);
inline constexpr Milliseconds k_volume_usage_interval = seconds(30);
inline constexpr Milliseconds k_recover_retry = seconds(1);

struct AgentParts {
    Sandboxes& sandboxes;
    Volumes& volumes;
    Images& images;
    HostServices& host;
};

class AgentLoop {
public:
    AgentLoop(Loop& loop, AgentParts parts, NodeId self,
              std::function<void(const NodeReport&)> report);

    void start();
    // Takes the place of every earlier assignment; one of a lower epoch or version is ignored.
    void assign(std::shared_ptr<const node::Assignment> assignment);

    // Stops every instance (Ending::now: kills) and takes no assignment any more; `done` when none
    // runs. Called again with Ending::now it kills what is left; only the first `done` counts.
    void stop_all(Ending ending, std::function<void()> done);

    // No driver call is under way and none can begin now.
    bool settled() const;

private:
    void recover();
    struct Found;
    void recovered(const Found& found);
    void noticed(const InstanceId& instance);

    void wake();
    void step();
    void wake_at(MonoTime when);
    void begin(const node::Action& action);
    void finish(const node::Action& action, const node::Outcome& outcome);
    void prepare(const node::Prepare& action);
    void report();
    void end_if_stopped();

    void poll_usage();
    void poll_volumes();

    Loop& loop_;
    AgentParts parts_;
    NodeId self_;
    std::function<void(const NodeReport&)> report_;

    bool recovered_ = false;
    std::set<InstanceId> noticed_early_;  // ended while recovery was under way
    node::State state_;
    std::shared_ptr<const node::Assignment> assignment_;
    NodeFacts facts_;
    std::size_t under_way_ = 0;
    bool woken_ = false;
    bool news_ = false;
    std::optional<MonoTime> wake_at_;
    std::optional<Ending> ending_;
    std::function<void()> ended_;
};

}  // namespace moln
