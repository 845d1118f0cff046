// Where the cluster's brain meets the store: holds the World, turns commands and what is seen into
// committed changes, and hands out what follows from them: edge snapshots and assignments.
//
// One transaction is in flight at a time, compared on the leadership, so that memory and store
// never differ by more than that one. A command is answered when it is durable. When a commit's
// outcome is unknown the store is read before anything else is decided. A leader that lost its
// leadership stops for good; a new one begins by recovering from the store.
//
// All calls and callbacks on the loop thread. The loop must not run on after this is destroyed.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "model/command.h"
#include "node/assignment.h"
#include "plan/plan.h"
#include "ports/certificates.h"
#include "ports/entropy.h"
#include "ports/pool.h"
#include "ports/store.h"
#include "runtime/acme_talks.h"
#include "runtime/staple_talks.h"
#include "runtime/steady_clock.h"
#include "runtime/stored.h"

namespace moln {

// Commands that wait for the store; one more is refused.
inline constexpr std::size_t k_commands_waiting_max = 1'000;
// Versions written ahead, so that not every edge snapshot costs a write of its own.
inline constexpr std::int64_t k_edge_versions_reserved = 1'000;
inline constexpr Milliseconds k_store_retry_first{200};
inline constexpr Milliseconds k_store_retry_max = seconds(5);
// Events that wait to be written, while the disk is full perhaps; of more than these it is told how
// many there were.
inline constexpr std::size_t k_events_waiting_max = 1'000;
inline constexpr std::size_t k_events_at_once_max = 100;
// What cannot change a decision at once (counters, usage) is still planned upon this often.
inline constexpr Milliseconds k_plan_interval_idle = seconds(1);
// No key of session tickets could be made.
inline constexpr Milliseconds k_ticket_key_retry = minutes(1);
// A plan that takes longer than this is followed by as long a rest: what is reported meanwhile, be
// it thousands of changes a second, goes into the next one together, and commands are answered.
inline constexpr Milliseconds k_plan_quick_max{5};
// A wake-up that is due already must not spin the loop.
inline constexpr Milliseconds k_plan_wake_min{50};

// What an agent tells: what it sees, and under which assignment it acted. Settlements count only
// from the newest assignment: an older one may speak of an earlier life of the same volume.
struct NodeReport {
    std::int64_t epoch = 0;
    std::int64_t version = 0;
    NodeSeen seen;
};

struct LeaderOutputs {
    std::function<void(std::shared_ptr<const node::Assignment>)> assign;
    std::function<void(const EdgeSnapshot&)> publish;
    std::function<void()> changed;           // the World; once per turn of the loop
    std::function<void(const Error&)> lost;  // leads no more and never will
};

class LeaderLoop {
public:
    using Planner = std::function<plan::Plan(const World&, Now, std::uint64_t seed)>;

    // `planner` is plan::plan but in tests that show that a broken one is caught.
    LeaderLoop(Loop& loop, Store& store, Entropy& entropy, Certificates& certificates, Acme& acme,
               NodeId self, LeaderOutputs outputs, Planner planner);

    // Reads the store and takes the leadership; repeated until it works.
    void start();

    void node_reported(const NodeReport& report);
    void edge_reported(const NodeId& node, const EdgeReport* report);  // nullptr: the edge is lost

    void execute(const Command& command, const Expected& expected, const std::string& key,
                 std::function<void(Result<CommandReply>)> done);
    Result<std::vector<std::string>> preview(const Command& command);

    // An event of this node that is no one's decision: written with the next plan that is, however
    // often the store refuses one.
    void tell(EventLevel level, const std::string& name, const std::string& text);

    // No command is taken and nothing is decided any more; the World stays to be read.
    void freeze();

    const World& world() const { return world_; }
    // With the steady time; it is 0 before the leadership is taken.
    Now now() const;
    // Nothing is in flight or waits, and the last plan was empty.
    bool settled() const;
    // How many plans have come into force: what a command changed is in the edges' snapshot once
    // this has grown since its `done` was called.
    std::int64_t plans() const { return plans_; }

private:
    enum class Phase { idle, recovering, leading, uncertain, frozen, lost };

    struct Waiting {
        Command command;
        Expected expected;
        std::string key;
        std::function<void(Result<CommandReply>)> done;
    };
    // The one transaction under way, and what it is for.
    struct Pending {
        Changes changes;
        std::optional<Leadership> leadership;
        std::optional<EdgeSnapshot> edge;
        std::vector<plan::AcmeStep> acme;
        bool plan = false;     // it is one, not a command
        std::size_t told = 0;  // of events_, which are among the changes
        std::optional<Waiting> command;
        IdempotencyRecord record;
        std::optional<Error> error;  // why its outcome is unknown
    };

    void recover();
    void recovered(Result<StoreSnapshot> snapshot);
    void take_leadership(Recovered found);
    void took_leadership(Result<std::int64_t> revision);
    void retry(void (LeaderLoop::*what)());

    void wake();
    void step();
    bool may_plan() const;
    void plan_once();
    void rest_after_plan(MonoTime begun);
    Changes issue(const std::vector<plan::IssueOrder>& orders, const Now& now);
    Result<Certificate> issue(const plan::IssueOrder& order, std::optional<Authority>& authority,
                              const Now& now, Changes& changes);
    Event event(EventLevel level, const std::string& name, const std::string& text) const;
    void make_ticket_key(const std::string& id, const Now& now, Changes& changes);
    void wake_at(MonoTime when);
    void run_command(Waiting waiting);
    void tell_clock_step(const Now& now);
    void look_again();  // at what is new in world_
    void keep(Event event);
    std::size_t add_events(Changes& changes) const;
    void forget_events(std::size_t count);

    void commit(Pending pending);
    void committed(Result<std::int64_t> revision);
    void read_outcome();
    void outcome_read(const Result<StoreSnapshot>& snapshot);
    void take_effect(std::int64_t revision);
    void no_effect();
    void lose(const Error& error);

    void plan_in_force();
    void publish(const EdgeSnapshot& snapshot);
    void hand_out_assignment();
    void note_unknown_instances(const NodeSeen& seen);
    void changed();

    Loop& loop_;
    Store& store_;
    Entropy& entropy_;
    Certificates& certificates_;
    LeaderOutputs outputs_;
    Planner planner_;
    AcmeTalks acme_;
    StapleTalks staples_;

    Phase phase_ = Phase::idle;
    World world_;
    Leadership leadership_;
    SteadyClock clock_;
    std::int64_t leader_revision_ = 0;
    std::int64_t revision_ = 0;
    IdempotencyRecords idempotency_;
    std::optional<Recovered> taking_;  // while the leadership is being written
    std::deque<Waiting> waiting_;
    std::optional<Pending> pending_;
    std::shared_ptr<const node::Assignment> assignment_;
    std::set<InstanceId> unknown_;  // sandboxes nobody assigned that were told of
    std::deque<Event> events_;      // of nobody's decision, to be written
    std::size_t events_lost_ = 0;   // for which there was no place in it

    bool dirty_ = false;
    bool woken_ = false;
    bool telling_ = false;
    bool quiet_ = false;
    MonoTime planned_;
    std::int64_t plans_ = 0;
    std::optional<MonoTime> resting_until_;  // after a long plan
    std::optional<MonoTime> wake_at_;
    std::optional<MonoTime> not_before_;  // after a store that failed
    Milliseconds retry_delay_ = k_store_retry_first;
};

}  // namespace moln
