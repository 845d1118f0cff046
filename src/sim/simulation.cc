#include "sim/simulation.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include <fmt/format.h>

#include "plan/invariants.h"
#include "plan/plan.h"

namespace moln::sim {
namespace {

constexpr Milliseconds k_trouble_span = minutes(10);
constexpr Milliseconds k_calm_max = minutes(60);
// Nothing is decided, called or committed for this long: it has converged.
constexpr Milliseconds k_quiet_span = seconds(15);
constexpr std::size_t k_story_lines_told = 120;

// Says "committed" now and then when it did nothing.
class ForgetfulStore final : public Store {
public:
    ForgetfulStore(Store& real, Random& random) : real_(real), random_(random) {}
    Result<std::optional<StoreEntry>> get(const std::string& key) override {
        return real_.get(key);
    }
    Result<StoreSnapshot> range(const std::string& prefix) override { return real_.range(prefix); }
    Result<std::int64_t> commit(const StoreTxn& txn) override {
        if (!random_.chance(0.1)) return real_.commit(txn);
        MOLN_ASSIGN(const auto snapshot, real_.range("leader"));
        return snapshot.revision + 1;
    }
    Result<std::vector<StoreChange>> changes(const std::string& prefix, std::int64_t after,
                                             std::size_t limit) override {
        return real_.changes(prefix, after, limit);
    }

private:
    Store& real_;
    Random& random_;
};

}  // namespace

Simulation::Simulation(SimOptions options)
    : options_(std::move(options)),
      random_(options_.seed),
      story_(timeline_),
      faults_(options_.faults, random_),
      checkers_(timeline_, story_),
      host_(timeline_, random_, faults_, story_, checkers_),
      sandboxes_(host_),
      volumes_(host_),
      images_(host_),
      edge_(host_),
      users_(host_) {
    sandboxes_.broken = volumes_.broken = options_.broken_driver;
    edge_.world.broken_keeps_draining = options_.edge_keeps_draining;
    if (options_.print_story) story_.print_all();
    if (options_.store_forgets) store_ = std::make_unique<ForgetfulStore>(memory_, random_);
    checkers_.host_fails = options_.faults.crash_mean.count > 0 || options_.faults.driver_error > 0;
    inject_store_faults();
    start_daemon();
    users_act();
    daemon_crashes();
    instances_die();
    edge_crashes();
    edge_upgrades();
    clock_steps();
    have_public_hosts();
}

Simulation::~Simulation() = default;

void Simulation::inject_store_faults() {
    const auto bad_luck = [this]() -> std::optional<Error> {
        if (!faults_.happens(&FaultRates::store_error)) return std::nullopt;
        story_.tell("the store fails");
        if (random_.chance(0.3)) return Error{ErrorCode::full, "the disk is full"};
        return Error{ErrorCode::unavailable, "the store is out of luck"};
    };
    MemoryStoreFaults faults;
    faults.before_read = bad_luck;
    faults.before_commit = [bad_luck](const StoreTxn&) { return bad_luck(); };
    faults.after_commit = [this, bad_luck](const StoreTxn& txn) {
        ++commits_;
        checkers_.committed(txn);
        return bad_luck();
    };
    memory_.inject(std::move(faults));
}

// Every plan that is made is looked at, also those that are never committed.
LeaderLoop::Planner Simulation::watched_planner() {
    if (!options_.check_plans) return options_.planner;
    return [this](const World& world, Now now, std::uint64_t seed) {
        auto plan = options_.planner(world, now, seed);
        auto changes = plan.changes;
        number_events(changes, world.event_number);
        World after = world;
        for (const auto& change : changes) apply(after, change);
        for (const auto& broken : plan::broken_invariants(world, plan, after)) {
            const auto number = std::atoi(broken.c_str() + 1);
            checkers_.violated(static_cast<Invariant>(number), "plan: " + broken);
        }
        return plan;
    };
}

// ---- the daemon's lives -----------------------------------------------------------------------

void Simulation::start_daemon() {
    ++lives_;
    checkers_.daemon_starts();
    story_.tell(fmt::format("the daemon starts, life {}", lives_));
    loop_ = std::make_unique<SimLoop>(timeline_, random_, faults_);
    Store& store = store_ ? *store_ : memory_;
    daemon_ = std::make_unique<Daemon>(
        DaemonParts{*loop_, store, sandboxes_, volumes_, images_, edge_, random_, services_},
        NodeId("n1"), watched_planner());
    daemon_->start();
    edge_.daemon_started();
    users_.daemon_started(daemon_.get());
}

void Simulation::crash_daemon() {
    faults_.crashing = false;
    if (!daemon_) return;
    story_.tell("the daemon dies");
    users_.daemon_died();
    edge_.daemon_died();
    host_.tell_exit = nullptr;
    services_.authority.daemon_died();
    daemon_.reset();
    loop_.reset();
    timeline_.at(random_.span(100, 15'000), [this] { start_daemon(); });
}

void Simulation::daemon_crashes() {
    if (options_.faults.crash_mean.count == 0) return;
    timeline_.at(random_.around(options_.faults.crash_mean), [this] {
        if (faults_.on) faults_.crashing = daemon_ != nullptr;
        daemon_crashes();
    });
}

void Simulation::instances_die() {
    if (options_.faults.instance_death_mean.count == 0) return;
    timeline_.at(random_.around(options_.faults.instance_death_mean), [this] {
        if (faults_.on) host_.kill_one_at_random();
        instances_die();
    });
}

void Simulation::edge_crashes() {
    if (options_.faults.edge_crash_mean.count == 0) return;
    timeline_.at(random_.around(options_.faults.edge_crash_mean), [this] {
        if (faults_.on) edge_.crash();
        edge_crashes();
    });
}

void Simulation::edge_upgrades() {
    if (options_.faults.edge_upgrade_mean.count == 0) return;
    timeline_.at(random_.around(options_.faults.edge_upgrade_mean), [this] {
        if (faults_.on) edge_.upgrade();
        edge_upgrades();
    });
}

// By seconds to hours, now and then by weeks: a clock without a battery, a wrong date typed in.
void Simulation::clock_steps() {
    if (options_.faults.clock_step_mean.count == 0) return;
    timeline_.at(random_.around(options_.faults.clock_step_mean), [this] {
        const bool far = random_.chance(0.3);
        const auto most = far ? days(30).count : minutes(120).count;
        const Milliseconds by{random_.between(-most, most)};
        if (faults_.on) {
            story_.tell(fmt::format("the clock is set by {} s", by.count / 1000));
            timeline_.step_wall(by);
        }
        clock_steps();
    });
}

void Simulation::have_public_hosts() {
    if (options_.faults.authority == 0) return;
    auto& authority = services_.authority;
    authority.answers = [this](const EdgeChallenge& challenge) {
        const auto& held = edge_.applied().challenges;
        return std::ranges::find(held, challenge) != held.end();
    };
    authority.clock = [this] { return timeline_.now().wall; };
    authority.refuses = [this] { return faults_.happens(&FaultRates::authority); };
    authority.looked_in_vain = [this](const std::string& host) {
        checkers_.violated(Invariant::asked_in_vain,
                           "the authority looked at " + host + " in vain");
    };
    // Short lives, so that there is something to renew.
    authority.life = [this] { return random_.span(60'000, 3'600'000); };
    act_on_hosts();
}

void Simulation::act_on_hosts() {
    timeline_.at(random_.around(options_.command_mean), [this] {
        if (users_on_) users_.act_on_hosts();
        act_on_hosts();
    });
}

void Simulation::users_act() {
    timeline_.at(random_.around(options_.command_mean), [this] {
        if (users_on_) users_.act();
        users_act();
    });
}

// ---- running ----------------------------------------------------------------------------------

bool Simulation::run_until(MonoTime end) {
    while (timeline_.run_one(end)) {
        if (faults_.crashing) crash_daemon();
        if (checkers_.violation()) return false;
        if (services_.lost && !checkers_.violation()) {
            checkers_.violated(Invariant::recovers_exactly,
                               "the daemon gave up leading: " + services_.lost->reason);
            return false;
        }
    }
    return true;
}

bool Simulation::trouble(Milliseconds span) {
    faults_.on = users_on_ = edge_.world.clients_on = true;
    return run_until(timeline_.now().mono + span);
}

bool Simulation::is_settled() {
    if (!daemon_ || !daemon_->settled() || !users_.are_answered()) return false;
    const auto next = options_.planner(daemon_->world(), timeline_.now(), random_.next());
    return next.changes.empty() && !next.edge && next.issue.empty() && next.acme.empty();
}

bool Simulation::calm() {
    story_.tell("calm");
    faults_.on = users_on_ = edge_.world.clients_on = false;
    const auto deadline = timeline_.now().mono + k_calm_max;
    MonoTime quiet_since = timeline_.now().mono;
    auto commits_before = commits_;
    while (timeline_.now().mono < deadline) {
        if (!run_until(timeline_.now().mono + seconds(1))) return false;
        const bool still = is_settled() && edge_.is_idle() && commits_ == commits_before;
        commits_before = commits_;
        if (!still) quiet_since = timeline_.now().mono;
        if (timeline_.now().mono - quiet_since < k_quiet_span) continue;
        checkers_.quiet(daemon_->world(), host_);
        return !checkers_.violation();
    }
    const auto next = daemon_ ? plan::plan(daemon_->world(), timeline_.now(), 1) : plan::Plan{};
    checkers_.violated(
        Invariant::converges,
        fmt::format("not converged after {} minutes of calm: settled {}, answered {}, {} requests "
                    "open, {} changes still planned{}",
                    k_calm_max.count / 60'000, daemon_ && daemon_->settled(), users_.are_answered(),
                    edge_.is_idle() ? "no" : "some", next.changes.size(),
                    next.changes.empty() ? "" : ", first of " + store_key(next.changes[0])));
    return false;
}

SimResult Simulation::run() {
    for (auto left = options_.duration; left.count > 0;) {
        const auto span = std::min(left, k_trouble_span);
        left = {left.count - span.count};
        if (!trouble(span) || !calm()) break;
    }
    story_.tell(fmt::format("last draw {}", random_.next()));
    SimResult result;
    result.violation = checkers_.violation();
    result.fingerprint = story_.fingerprint();
    result.simulated = {timeline_.now().mono.ms};
    result.events = timeline_.events_run();
    result.commits = commits_;
    result.daemon_lives = lives_;
    result.commands_acknowledged = users_.acknowledged();
    result.requests = edge_.requests_begun();
    result.failures_excused = checkers_.failures_excused();
    if (result.violation) result.story = story_.last_lines(k_story_lines_told);
    return result;
}

}  // namespace moln::sim
