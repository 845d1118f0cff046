#include "runtime/leader_loop.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "base/check.h"
#include "model/words.h"
#include "plan/acme.h"
#include "plan/certificates.h"
#include "plan/command.h"
#include "runtime/sight_changes.h"

namespace moln {

LeaderLoop::LeaderLoop(Loop& loop, Store& store, Entropy& entropy, Certificates& certificates,
                       Acme& acme, NodeId self, LeaderOutputs outputs, Planner planner)
    : loop_(loop),
      store_(store),
      entropy_(entropy),
      certificates_(certificates),
      outputs_(std::move(outputs)),
      planner_(std::move(planner)),
      acme_(loop, acme, world_, [this] { look_again(); }),
      staples_(
          loop, certificates, world_, entropy, [this] { look_again(); },
          [this](Event event) { keep(std::move(event)); }) {
    world_.self = std::move(self);
}

void LeaderLoop::look_again() {
    dirty_ = true;
    changed();
    wake();
}

void LeaderLoop::start() {
    CHECK(phase_ == Phase::idle);
    phase_ = Phase::recovering;
    recover();
}

// ---- taking the leadership --------------------------------------------------------------------

void LeaderLoop::retry(void (LeaderLoop::*what)()) {
    loop_.after(retry_delay_, [this, what] { (this->*what)(); });
    retry_delay_ = std::min(retry_delay_ * 2, k_store_retry_max);
}

void LeaderLoop::recover() {
    run_blocking<Result<StoreSnapshot>>(
        loop_, "store", [this] { return store_.range(""); },
        [this](Result<StoreSnapshot> snapshot) { recovered(std::move(snapshot)); });
}

void LeaderLoop::recovered(Result<StoreSnapshot> snapshot) {
    if (phase_ != Phase::recovering) return;
    if (!snapshot) {
        if (snapshot.error().code == ErrorCode::corrupt) return lose(snapshot.error());
        return retry(&LeaderLoop::recover);
    }
    auto found = recover_from(*snapshot);
    if (!found) return lose(found.error());
    take_leadership(std::move(*found));
}

void LeaderLoop::take_leadership(Recovered found) {
    // Whatever the leader before may have sent has a version up to the one it reserved.
    found.leadership.epoch += 1;
    found.leadership.node = world_.self;
    found.world.edge.version = found.leadership.edge_version;
    found.leadership.edge_version += k_edge_versions_reserved;
    const auto now = loop_.now();
    clock_.resume(found.leadership, now);
    found.leadership.steady = clock_.complete(now).steady;
    found.leadership.wall = now.wall;
    auto txn = make_txn({{}, {}, found.leader_revision, &found.leadership});
    CHECK(txn.has_value());
    taking_ = std::move(found);
    run_blocking<Result<std::int64_t>>(
        loop_, "store", [this, txn = std::move(*txn)] { return store_.commit(txn); },
        [this](Result<std::int64_t> revision) { took_leadership(std::move(revision)); });
}

void LeaderLoop::took_leadership(Result<std::int64_t> revision) {
    if (phase_ != Phase::recovering) return;
    auto found = std::exchange(taking_, std::nullopt);
    if (!revision) {
        if (revision.error().code == ErrorCode::corrupt) return lose(revision.error());
        return retry(&LeaderLoop::recover);  // reads again, so an unknown outcome does no harm
    }
    found->world.self = world_.self;
    found->world.nodes = std::move(world_.nodes);
    found->world.edges = std::move(world_.edges);
    found->world.edge.epoch = found->leadership.epoch;
    world_ = std::move(found->world);
    world_.epoch = found->leadership.epoch;
    world_.leading = true;
    leadership_ = found->leadership;
    leader_revision_ = revision_ = *revision;
    idempotency_ = std::move(found->idempotency);
    retry_delay_ = k_store_retry_first;
    phase_ = Phase::leading;
    dirty_ = true;
    hand_out_assignment();
    changed();
    wake();
}

void LeaderLoop::lose(const Error& error) {
    phase_ = Phase::lost;
    world_.leading = false;
    auto waiting = std::exchange(waiting_, {});
    if (pending_ && pending_->command) waiting.push_front(std::move(*pending_->command));
    pending_.reset();
    for (auto& command : waiting) {
        command.done(fail(ErrorCode::unavailable, "this node leads no more: " + error.reason));
    }
    changed();
    outputs_.lost(error);
}

void LeaderLoop::freeze() {
    if (phase_ == Phase::lost) return;
    phase_ = Phase::frozen;
    auto waiting = std::exchange(waiting_, {});
    for (auto& command : waiting) {
        command.done(fail(ErrorCode::unavailable, "this node is shutting down"));
    }
}

// ---- inputs -----------------------------------------------------------------------------------

void LeaderLoop::node_reported(const NodeReport& report) {
    auto& known = world_.nodes[report.seen.id];
    const bool fresh =
        assignment_ && report.epoch == world_.epoch && report.version == assignment_->version;
    NodeSeen seen = report.seen;
    if (!fresh) {
        seen.trash_settled = known.trash_settled;
        seen.trash_purged = known.trash_purged;
        seen.trash_restored = known.trash_restored;
        seen.volumes_settled = known.volumes_settled;
    } else {
        note_unknown_instances(seen);
    }
    // Every node that has ever heard an assignment of this epoch counts as connected from then on.
    seen.connected = known.connected || report.epoch == world_.epoch;
    if (matters(known, seen)) dirty_ = true;
    known = std::move(seen);
    changed();
    wake();
}

void LeaderLoop::note_unknown_instances(const NodeSeen& seen) {
    for (const auto& [id, instance] : seen.instances) {
        if (world_.instances.contains(id) || unknown_.contains(id)) continue;
        unknown_.insert(id);
        Event event;
        event.at = loop_.now().wall;
        event.level = EventLevel::warning;
        event.name = "instance.unknown";
        event.subject = id.text;
        event.text = fmt::format(
            "{} is on node {} but in no record: it is left alone; look at it, then kill it there",
            id.text, seen.id.text);
        keep(std::move(event));
        dirty_ = true;
    }
}

void LeaderLoop::keep(Event event) {
    if (events_.size() >= k_events_waiting_max) {
        ++events_lost_;
        return;
    }
    events_.push_back(std::move(event));
}

// They stay until they are known to be written.
std::size_t LeaderLoop::add_events(Changes& changes) const {
    const auto count = std::min(events_.size(), k_events_at_once_max);
    for (std::size_t i = 0; i < count; ++i) changes.emplace_back(PutEvent{events_[i]});
    return count;
}

void LeaderLoop::forget_events(std::size_t count) {
    events_.erase(events_.begin(), events_.begin() + static_cast<std::ptrdiff_t>(count));
    if (!events_.empty()) dirty_ = true;
    if (events_lost_ == 0) return;
    const auto lost = std::exchange(events_lost_, 0);
    tell(EventLevel::warning, "events.lost",
         fmt::format("{} events found no place while none could be written", lost));
}

Event LeaderLoop::event(EventLevel level, const std::string& name, const std::string& text) const {
    Event event;
    event.at = loop_.now().wall;
    event.level = level;
    event.name = name;
    event.subject = world_.self.text;
    event.text = text;
    return event;
}

void LeaderLoop::tell(EventLevel level, const std::string& name, const std::string& text) {
    keep(event(level, name, text));
    dirty_ = true;
    wake();
}

void LeaderLoop::edge_reported(const NodeId& node, const EdgeReport* report) {
    auto& known = world_.edges[node];
    const auto now = loop_.now().mono;
    if (report == nullptr) {
        if (known.connected) dirty_ = true;
        known.connected = false;
    } else {
        if (!known.connected || matters(known.report, *report)) dirty_ = true;
        known.connected = true;
        known.report = *report;
        known.received = now;
        known.endpoints.clear();
        for (const auto& endpoint : report->endpoints) {
            known.endpoints.emplace(endpoint.instance, endpoint);
        }
    }
    if (now - planned_ >= k_plan_interval_idle) dirty_ = true;
    changed();
    wake();
}

void LeaderLoop::execute(const Command& command, const Expected& expected, const std::string& key,
                         std::function<void(Result<CommandReply>)> done) {
    if (const auto good = check_idempotency_key(key); !good) return done(fail(good.error()));
    if (phase_ == Phase::frozen) {
        return done(fail(ErrorCode::unavailable, "this node is shutting down"));
    }
    if (phase_ == Phase::lost) {
        return done(fail(ErrorCode::unavailable, "this node leads no more"));
    }
    if (waiting_.size() >= k_commands_waiting_max) {
        return done(
            fail(ErrorCode::refused, fmt::format("{} commands wait already: try again in a moment",
                                                 k_commands_waiting_max)));
    }
    waiting_.push_back({command, expected, key, std::move(done)});
    wake();
}

Result<std::vector<std::string>> LeaderLoop::preview(const Command& command) {
    if (!world_.leading) return fail(ErrorCode::unavailable, "this node does not lead yet");
    MOLN_ASSIGN(auto outcome, plan::decide(world_, command, Expected{}, now(), entropy_.next()));
    return std::move(outcome.effects);
}

// ---- one step at a time -----------------------------------------------------------------------

void LeaderLoop::wake() {
    if (woken_) return;
    woken_ = true;
    loop_.after(Milliseconds{0}, [this] {
        woken_ = false;
        step();
    });
}

void LeaderLoop::step() {
    while (phase_ == Phase::leading && !pending_) {
        if (!waiting_.empty()) {
            auto next = std::move(waiting_.front());
            waiting_.pop_front();
            run_command(std::move(next));
        } else if (dirty_ && may_plan()) {
            plan_once();
        } else {
            return;
        }
    }
}

// Before the agent has told what runs, a plan would take every instance for gone.
bool LeaderLoop::may_plan() const {
    const auto self = world_.nodes.find(world_.self);
    if (self == world_.nodes.end() || !self->second.connected) return false;
    const auto now = loop_.now().mono;
    if (resting_until_ && now < *resting_until_) return false;
    return !not_before_ || now >= *not_before_;
}

void LeaderLoop::rest_after_plan(MonoTime begun) {
    const auto ended = loop_.now().mono;
    const auto took = ended - begun;
    if (took <= k_plan_quick_max) return;
    resting_until_ = ended + took;
    loop_.after(took, [this] { wake(); });
}

void LeaderLoop::plan_once() {
    dirty_ = false;
    const auto now = this->now();
    planned_ = now.mono;
    tell_clock_step(now);
    staples_.look();
    auto next = planner_(world_, now, entropy_.next());
    rest_after_plan(now.mono);
    if (next.wake) wake_at(*next.wake);
    auto certificates = issue(next.issue, now);
    const auto told = add_events(next.changes);
    std::ranges::move(certificates, std::back_inserter(next.changes));
    make_ticket_key(next.ticket_key, now, next.changes);
    staples_.ask(next.staples, now);
    quiet_ = next.changes.empty() && !next.edge && next.acme.empty() && world_.attempts.empty() &&
             !world_.registering && !staples_.asking();
    if (!next.changes.empty()) {
        Pending pending{.plan = true, .told = told};
        pending.changes = std::move(next.changes);
        pending.edge = std::move(next.edge);
        pending.acme = std::move(next.acme);
        return commit(std::move(pending));
    }
    acme_.take(next.acme);
    if (now.steady - leadership_.steady >= k_clock_written_every) {
        Pending pending{.plan = true};
        pending.edge = std::move(next.edge);
        pending.leadership = leadership_;
        return commit(std::move(pending));
    }
    if (!next.edge) return plan_in_force();
    if (next.edge->version > leadership_.edge_version) {
        Pending pending{.plan = true};
        pending.edge = std::move(next.edge);
        return commit(std::move(pending));
    }
    publish(*next.edge);
    plan_in_force();
    // The edge's answer brings the next plan; without one, look again later. Not at once: a plan
    // that is never content with what it published must not spin the loop.
    wake_at(now.mono + k_plan_interval_idle);
}

// The new authority, if there is one, goes with what it signed in one transaction: if that does not
// come about, neither was ever there, and the next plan asks again.
Changes LeaderLoop::issue(const std::vector<plan::IssueOrder>& orders, const Now& now) {
    Changes changes;
    auto authority = world_.authority;
    for (const auto& order : orders) {
        auto certificate = issue(order, authority, now, changes);
        if (certificate) {
            world_.issuing.erase(order.host);
            auto more = plan::issued(world_, std::move(*certificate), now.wall);
            std::ranges::move(more, std::back_inserter(changes));
            continue;
        }
        auto& seen = world_.issuing[order.host];
        const auto& reason = certificate.error().reason;
        if (seen.failures == 0) {
            keep(plan::issue_failed_event(order, reason, now.wall));
        }
        seen = plan::issue_failed(seen, reason, now.mono);
        wake_at(seen.retry);
        this->changed();
    }
    if (!authority || authority == world_.authority) return changes;
    // Before those that it has signed already, which take the old ones' place.
    auto all = plan::due_for_new_authority(world_);
    all.emplace_back(PutAuthority{std::move(*authority)});
    std::ranges::move(changes, std::back_inserter(all));
    return all;
}

Result<Certificate> LeaderLoop::issue(const plan::IssueOrder& order,
                                      std::optional<Authority>& authority, const Now& now,
                                      Changes& changes) {
    if (order.new_authority && authority == world_.authority) {
        MOLN_ASSIGN(authority, certificates_.make_authority(now.wall));
        if (world_.authority) {
            changes.emplace_back(PutEvent{event(
                EventLevel::warning, "authority.replaced",
                "the local authority is of no use any more by its time. A new one takes its place: "
                "clients are to trust that, see `moln trust`")});
        }
    }
    if (!authority) return fail(ErrorCode::unavailable, "there is no local authority");
    auto made = certificates_.issue(*authority, order.id, order.host, now.wall);
    if (made || made.error().code != ErrorCode::corrupt || authority != world_.authority) {
        return made;
    }
    // Its key cannot be opened any more: nobody ever signs with it again.
    MOLN_ASSIGN(authority, certificates_.make_authority(now.wall));
    changes.emplace_back(PutEvent{event(
        EventLevel::warning, "authority.lost",
        fmt::format("the local authority signs no more: {}. A new one takes its place: clients "
                    "are to trust that, see `moln trust`",
                    made.error().reason))});
    return certificates_.issue(*authority, order.id, order.host, now.wall);
}

void LeaderLoop::make_ticket_key(const std::string& id, const Now& now, Changes& changes) {
    if (id.empty()) return;
    auto sealed = certificates_.make_ticket_key(id, now.wall);
    if (!sealed) return wake_at(now.mono + k_ticket_key_retry);  // edges make their own so long
    changes.emplace_back(
        PutTicketKey{{.id = id, .sealed_key = std::move(*sealed), .created = now.wall}});
}

void LeaderLoop::wake_at(MonoTime when) {
    if (wake_at_ && *wake_at_ <= when) return;
    wake_at_ = when;
    const auto delay = std::max(when - loop_.now().mono, k_plan_wake_min);
    loop_.after(delay, [this, when] {
        if (wake_at_ != when) return;  // an earlier one took its place
        wake_at_.reset();
        dirty_ = true;
        wake();
    });
}

void LeaderLoop::tell_clock_step(const Now& now) {
    const auto step = clock_.step(now);
    if (step.count == 0) return;
    keep(event(EventLevel::warning, "clock.stepped",
               fmt::format(
                   "the clock of node {} was set {} by {}: what waits in the trash and what drains "
                   "keep the time that they had left, cron jobs follow the new clock",
                   world_.self.text, step.count > 0 ? "forward" : "back",
                   duration_words({std::abs(step.count)}))));
}

Now LeaderLoop::now() const {
    const auto now = loop_.now();
    return phase_ == Phase::idle || phase_ == Phase::recovering ? now : clock_.complete(now);
}

void LeaderLoop::run_command(Waiting waiting) {
    const auto now = this->now();
    if (!waiting.key.empty()) {
        if (const auto* reply = idempotency_.find(waiting.key, now.steady)) {
            return waiting.done(*reply);
        }
    }
    auto outcome = plan::decide(world_, waiting.command, waiting.expected, now, entropy_.next());
    if (!outcome) return waiting.done(fail(outcome.error()));
    if (outcome->changes.empty() && waiting.key.empty()) return waiting.done(outcome->reply);
    Pending pending;
    pending.changes = std::move(outcome->changes);
    pending.record = {now.steady, outcome->reply};
    pending.command = std::move(waiting);
    commit(std::move(pending));
}

// ---- the transaction under way ----------------------------------------------------------------

void LeaderLoop::commit(Pending pending) {
    quiet_ = false;
    number_events(pending.changes, world_.event_number);
    TxnParts parts{pending.changes, {}, leader_revision_, nullptr};
    if (pending.command && !pending.command->key.empty()) {
        parts.more = idempotency_.writes(pending.command->key, pending.record);
    }
    if (pending.edge && pending.edge->version > leadership_.edge_version) {
        pending.leadership = leadership_;
        pending.leadership->edge_version = pending.edge->version + k_edge_versions_reserved;
    }
    if (pending.leadership) {
        const auto now = this->now();
        pending.leadership->steady = now.steady;
        pending.leadership->wall = now.wall;
        parts.leadership = &*pending.leadership;
    }
    auto txn = make_txn(parts);
    if (!txn) {
        // The plan bounds its own steps well below the limit; only a command can get here.
        CHECK(pending.command.has_value());
        return pending.command->done(fail(txn.error()));
    }
    pending_ = std::move(pending);
    run_blocking<Result<std::int64_t>>(
        loop_, "store", [this, one = std::move(*txn)] { return store_.commit(one); },
        [this](Result<std::int64_t> revision) { committed(std::move(revision)); });
}

void LeaderLoop::committed(Result<std::int64_t> revision) {
    if (!pending_) return;
    if (revision) return take_effect(*revision);
    if (revision.error().code == ErrorCode::conflict || revision.error().code == ErrorCode::corrupt)
        return lose(revision.error());
    pending_->error = revision.error();
    if (phase_ == Phase::leading) phase_ = Phase::uncertain;
    retry(&LeaderLoop::read_outcome);
}

void LeaderLoop::read_outcome() {
    run_blocking<Result<StoreSnapshot>>(
        loop_, "store", [this] { return store_.range(k_leader_key); },
        [this](const Result<StoreSnapshot>& snapshot) { outcome_read(snapshot); });
}

// Nobody but the leader writes. So a store that has not moved on has not committed; one that has
// moved on has, unless another took the leadership.
void LeaderLoop::outcome_read(const Result<StoreSnapshot>& snapshot) {
    if (!pending_) return;
    if (!snapshot) {
        if (snapshot.error().code == ErrorCode::corrupt) return lose(snapshot.error());
        return retry(&LeaderLoop::read_outcome);
    }
    const bool moved = snapshot->revision != revision_;
    const auto expected_revision =
        moved && pending_->leadership ? snapshot->revision : leader_revision_;
    const bool ours =
        snapshot->entries.size() == 1 && snapshot->entries[0].mod_revision == expected_revision;
    if (!ours) return lose({ErrorCode::conflict, "another daemon has taken the leadership"});
    if (phase_ == Phase::uncertain) phase_ = Phase::leading;
    if (moved) return take_effect(snapshot->revision);
    no_effect();
}

void LeaderLoop::take_effect(std::int64_t revision) {
    auto pending = std::move(*pending_);
    pending_.reset();
    revision_ = revision;
    retry_delay_ = k_store_retry_first;
    not_before_.reset();
    forget_events(pending.told);
    if (pending.leadership) {
        leadership_ = *pending.leadership;
        leader_revision_ = revision;
    }
    bool assignments = false;
    for (const auto& change : pending.changes) {
        forget_settled(world_, change);
        apply(world_, change);
        assignments = assignments || concerns_nodes(change);
    }
    acme_.take(pending.acme);
    if (pending.edge) publish(*pending.edge);
    if (pending.plan) plan_in_force();
    if (assignments) hand_out_assignment();
    dirty_ = true;
    changed();
    if (pending.command) {
        if (!pending.command->key.empty()) {
            idempotency_.remember(pending.command->key, pending.record);
        }
        pending.command->done(pending.record.reply);
    }
    wake();
}

void LeaderLoop::no_effect() {
    auto pending = std::move(*pending_);
    pending_.reset();
    dirty_ = true;
    if (pending.command) pending.command->done(fail(*pending.error));
    // The store answers reads but refused the write (a full disk): do not hammer it.
    not_before_ = loop_.now().mono + retry_delay_;
    loop_.after(retry_delay_, [this] { wake(); });
    retry_delay_ = std::min(retry_delay_ * 2, k_store_retry_max);
    wake();
}

// ---- outputs ----------------------------------------------------------------------------------

void LeaderLoop::plan_in_force() {
    ++plans_;
    changed();
}

void LeaderLoop::publish(const EdgeSnapshot& snapshot) {
    CHECK(snapshot.version <= leadership_.edge_version);
    world_.edge = snapshot;
    plan::note_shown(world_);
    outputs_.publish(snapshot);
    changed();
}

void LeaderLoop::hand_out_assignment() {
    const node::Assignment none;
    assignment_ = std::make_shared<const node::Assignment>(
        node::assign(world_, world_.self, assignment_ ? *assignment_ : none));
    outputs_.assign(assignment_);
}

void LeaderLoop::changed() {
    if (telling_) return;
    telling_ = true;
    loop_.after(Milliseconds{0}, [this] {
        telling_ = false;
        outputs_.changed();
    });
}

bool LeaderLoop::settled() const {
    return phase_ == Phase::leading && !pending_ && waiting_.empty() && !dirty_ && quiet_;
}

}  // namespace moln
