#include "runtime/agent_loop.h"

#include <algorithm>
#include <utility>

#include "node/report.h"
#include "runtime/driver_calls.h"

namespace moln {

struct AgentLoop::Found {
    Status status;
    std::vector<node::Sight> sandboxes;
    std::map<VolumeId, Bytes> volumes;
    NodeFacts facts;
};

AgentLoop::AgentLoop(Loop& loop, AgentParts parts, NodeId self,
                     std::function<void(const NodeReport&)> report)
    : loop_(loop), parts_(parts), self_(std::move(self)), report_(std::move(report)) {
    parts_.sandboxes.on_exit([this](const InstanceId& instance) {
        loop_.post([this, instance] { noticed(instance); });
    });
}

void AgentLoop::start() {
    recover();
}

void AgentLoop::recover() {
    const auto job = [parts = parts_] {
        Found found;
        found.facts = parts.host.facts();
        if (found.status = parts.images.recover(); !found.status) return found;
        auto volumes = parts.volumes.recover();
        if (!volumes) {
            found.status = fail(volumes.error());
            return found;
        }
        for (const auto& volume : *volumes) found.volumes[volume.volume] = volume.used;
        auto sandboxes = parts.sandboxes.recover();
        if (!sandboxes) {
            found.status = fail(sandboxes.error());
            return found;
        }
        for (const auto& seen : *sandboxes) found.sandboxes.push_back(sight_of(seen));
        return found;
    };
    run_blocking<Found>(loop_, "recover", job, [this](const Found& found) { recovered(found); });
}

void AgentLoop::recovered(const Found& found) {
    if (!found.status) {
        loop_.after(k_recover_retry, [this] { recover(); });
        return;
    }
    facts_ = found.facts;
    state_ = node::recovered(found.sandboxes, found.volumes, loop_.now().mono);
    recovered_ = true;
    for (const auto& instance : std::exchange(noticed_early_, {})) {
        node::noticed(state_, instance);
    }
    if (assignment_) node::assigned(state_, node::Assignment{}, *assignment_);
    news_ = true;
    wake();
    poll_usage();
    poll_volumes();
}

void AgentLoop::noticed(const InstanceId& instance) {
    if (!recovered_) {
        noticed_early_.insert(instance);
        return;
    }
    node::noticed(state_, instance);
    wake();
}

void AgentLoop::assign(std::shared_ptr<const node::Assignment> assignment) {
    if (ending_) return;
    if (assignment_ &&
        (assignment->epoch < assignment_->epoch || (assignment->epoch == assignment_->epoch &&
                                                    assignment->version <= assignment_->version))) {
        return;
    }
    const auto before = std::exchange(assignment_, std::move(assignment));
    if (recovered_) {
        node::assigned(state_, before ? *before : node::Assignment{}, *assignment_);
    }
    news_ = true;
    wake();
}

// ---- one step at a time -----------------------------------------------------------------------

void AgentLoop::wake() {
    if (woken_) return;
    woken_ = true;
    loop_.after(Milliseconds{0}, [this] {
        woken_ = false;
        step();
    });
}

void AgentLoop::step() {
    if (!recovered_ || !assignment_) return;
    auto plan = node::plan(*assignment_, state_, loop_.now().mono);
    for (const auto& action : plan.actions) {
        if (under_way_ >= k_driver_calls_max) break;  // the next that is done comes back here
        begin(action);
    }
    if (plan.wake) wake_at(*plan.wake);
    if (std::exchange(news_, false)) report();
    end_if_stopped();
}

void AgentLoop::wake_at(MonoTime when) {
    if (wake_at_ && *wake_at_ <= when) return;
    wake_at_ = when;
    loop_.after(std::max(when - loop_.now().mono, Milliseconds{1}), [this, when] {
        if (wake_at_ != when) return;
        wake_at_.reset();
        wake();
    });
}

void AgentLoop::begin(const node::Action& action) {
    node::begun(state_, action);
    ++under_way_;
    news_ = true;
    if (const auto* one = std::get_if<node::Prepare>(&action)) return prepare(*one);
    run_blocking<node::Outcome>(
        loop_, node::key_of(action),
        [call = DriverCall{parts_.sandboxes, parts_.volumes, parts_.images}, action] {
            return call.run(action);
        },
        [this, action](const node::Outcome& outcome) { finish(action, outcome); });
}

// Secrets are opened here, on the loop, and travel to the driver as such.
void AgentLoop::prepare(const node::Prepare& action) {
    auto spec = sandbox_spec(*action.work, parts_.host);
    run_blocking<node::Outcome>(
        loop_, node::key_of(action),
        [&sandboxes = parts_.sandboxes, id = action.work->instance.id, spec = std::move(spec)] {
            return prepare_sandbox(sandboxes, id, spec);
        },
        [this, action](const node::Outcome& outcome) { finish(action, outcome); });
}

void AgentLoop::finish(const node::Action& action, const node::Outcome& outcome) {
    node::done(state_, action, outcome, loop_.now().mono);
    --under_way_;
    news_ = true;
    wake();
}

void AgentLoop::report() {
    NodeReport report;
    report.epoch = assignment_->epoch;
    report.version = assignment_->version;
    report.seen = node::report(self_, *assignment_, state_);
    report.seen.memory = facts_.memory;
    report.seen.cpu_millis = facts_.cpu_millis;
    report.seen.disk_free = facts_.disk_free;
    report.seen.disk_total = facts_.disk_total;
    report_(report);
}

// ---- the end of the node ----------------------------------------------------------------------

void AgentLoop::stop_all(Ending ending, std::function<void()> done) {
    if (ending_ == Ending::now) return;
    if (!ending_) ended_ = std::move(done);
    ending_ = ending;
    node::Assignment last = assignment_ ? *assignment_ : node::Assignment{};
    for (auto& [id, work] : last.instances) {
        auto stopped = *work;
        stopped.instance.goal = ending == Ending::now ? InstanceGoal::kill : InstanceGoal::stop;
        ++stopped.instance.generation;
        work = std::make_shared<const node::InstanceWork>(std::move(stopped));
    }
    const auto before =
        std::exchange(assignment_, std::make_shared<const node::Assignment>(std::move(last)));
    if (recovered_) node::assigned(state_, before ? *before : node::Assignment{}, *assignment_);
    wake();
}

void AgentLoop::end_if_stopped() {
    if (!ending_ || !ended_ || under_way_ > 0) return;
    const bool runs =
        std::any_of(state_.sandboxes.begin(), state_.sandboxes.end(), [this](const auto& entry) {
            return assignment_->instances.contains(entry.first) &&
                   (entry.second.stale || entry.second.sight.phase == InstancePhase::running);
        });
    if (!runs) std::exchange(ended_, nullptr)();
}

bool AgentLoop::settled() const {
    if (!recovered_ || !assignment_ || under_way_ > 0 || woken_) return false;
    return node::plan(*assignment_, state_, loop_.now().mono).actions.empty();
}

// ---- usage ------------------------------------------------------------------------------------

void AgentLoop::poll_usage() {
    std::vector<InstanceId> running;
    for (const auto& [id, sandbox] : state_.sandboxes) {
        if (sandbox.sight.phase == InstancePhase::running) running.push_back(id);
    }
    struct Polled {
        std::map<InstanceId, Result<SandboxUsage>> usage;
        NodeFacts facts;
    };
    run_blocking<Polled>(
        loop_, "usage",
        [parts = parts_, running] {
            Polled polled;
            polled.facts = parts.host.facts();
            for (const auto& id : running) {
                polled.usage.emplace(id, parts.sandboxes.usage(id));
            }
            return polled;
        },
        [this](const Polled& polled) {
            facts_ = polled.facts;
            for (const auto& [id, usage] : polled.usage) {
                const auto sandbox = state_.sandboxes.find(id);
                if (sandbox == state_.sandboxes.end()) continue;
                if (usage) {
                    sandbox->second.memory = usage->memory;
                    sandbox->second.cpu_used_us = usage->cpu_used_us;
                    sandbox->second.oom_kills = usage->oom_kills;
                } else if (sandbox->second.sight.phase == InstancePhase::running) {
                    // Its end may have gone unheard: look.
                    node::noticed(state_, id);
                    wake();
                }
            }
            if (assignment_ && !polled.usage.empty()) report();
            loop_.after(k_usage_interval, [this] { poll_usage(); });
        });
}

void AgentLoop::poll_volumes() {
    std::vector<VolumeId> volumes;
    for (const auto& [id, volume] : state_.volumes) {
        if (volume.settled && !volume.busy) volumes.push_back(id);
    }
    run_blocking<std::map<VolumeId, Bytes>>(
        loop_, "volume usage",
        [&driver = parts_.volumes, volumes] {
            std::map<VolumeId, Bytes> used;
            for (const auto& id : volumes) {
                if (const auto seen = driver.inspect(id)) used[id] = seen->used;
            }
            return used;
        },
        [this](const std::map<VolumeId, Bytes>& used) {
            for (const auto& [id, bytes] : used) {
                const auto volume = state_.volumes.find(id);
                if (volume != state_.volumes.end()) volume->second.used = bytes;
            }
            loop_.after(k_volume_usage_interval, [this] { poll_volumes(); });
        });
}

}  // namespace moln
