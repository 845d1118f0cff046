#include "node/state.h"

namespace moln::node {
namespace {

void saw(SandboxState& state, const Sight& sight, MonoTime now) {
    const bool ran = state.sight.phase == InstancePhase::running;
    const bool was_up = ran && sight.started == state.sight.started;
    state.sight = sight;
    if (sight.phase == InstancePhase::running && !was_up) state.up_since = now;
    if (sight.phase == InstancePhase::ended && ran) {
        if (now - state.up_since >= k_backoff_forgiven_after) state.restart.clear();
        state.restart.raise(now);
    }
    if (sight.phase != InstancePhase::running) state.memory = Bytes{};
}

// Started and ended again before anybody looked.
void started_and_ended(SandboxState& state, MonoTime now) {
    state.restart.raise(now);
}

// Worth another try before anybody is told that it failed.
bool passes(ErrorCode code) {
    return code == ErrorCode::unavailable || code == ErrorCode::timeout;
}

// An error may come after the effect: then what was seen counts.
bool has_effect(const Action& action, const Outcome& outcome, InstancePhase after) {
    if (outcome.status) return true;
    if (!outcome.sight) return false;
    if (const auto* prepare = std::get_if<Prepare>(&action)) {
        return after == InstancePhase::prepared &&
               outcome.sight->generation == prepare->work->instance.generation;
    }
    if (std::holds_alternative<Start>(action)) return after == InstancePhase::running;
    return std::holds_alternative<Kill>(action) && after == InstancePhase::ended;
}

void sandbox_done(SandboxState& state, const Action& action, const Outcome& outcome, MonoTime now) {
    state.busy = false;
    state.doing = InstancePhase::absent;
    state.looking = false;
    const auto before = state.sight.phase;
    const auto before_started = state.sight.started;
    if (outcome.sight) {
        saw(state, *outcome.sight, now);
    } else {
        state.stale = true;
    }
    if (std::holds_alternative<Start>(action)) {
        const auto after = state.sight.phase;
        const bool effect = has_effect(action, outcome, after);
        if (effect && before == InstancePhase::ended) ++state.restarts;
        if (outcome.status && after == InstancePhase::ended &&
            (before != InstancePhase::ended || state.sight.started != before_started)) {
            started_and_ended(state, now);
        }
        if (effect) state.signalled_for = 0;
    }
    if (has_effect(action, outcome, state.sight.phase)) {
        // Having looked mends nothing: what failed before is still to be done, and waits.
        if (std::holds_alternative<Inspect>(action)) return;
        state.trouble.clear();
        state.hopeless = false;
        state.reason.clear();
    } else {
        state.trouble.raise(now);
        state.hopeless = !passes(outcome.status.error().code);
        state.reason = outcome.status.error().reason;
    }
}

void volume_done(State& state, const VolumeId& id, const Outcome& outcome, MonoTime now) {
    auto& volume = state.volumes[id];
    volume.busy = false;
    volume.settled = outcome.status.has_value() && !volume.outdated;
    volume.outdated = false;
    if (outcome.status) {
        volume.trouble.clear();
        volume.reason.clear();
    } else {
        volume.trouble.raise(now);
        volume.reason = outcome.status.error().reason;
    }
}

void trash_done(TrashState& trash, const Outcome& outcome, MonoTime now) {
    trash.busy = false;
    if (outcome.status) {
        trash.trouble.clear();
        trash.settled = outcome.bytes;
    } else {
        trash.trouble.raise(now);
    }
}

struct Begin {
    State& state;
    void operator()(const CreateVolume& a) { state.volumes[a.volume.id].busy = true; }
    void operator()(const RestoreVolume& a) {
        state.volumes[a.volume].busy = true;
        state.trash[a.trash].busy = true;
    }
    void operator()(const TrashVolume& a) {
        state.volumes[a.volume].busy = true;
        state.trash[a.trash].busy = true;
    }
    void operator()(const TrashImage& a) { state.trash[a.trash].busy = true; }
    void operator()(const RestoreImage& a) { state.trash[a.trash].busy = true; }
    void operator()(const PurgeTrash& a) { state.trash[a.trash].busy = true; }
    void operator()(const Prepare& a) {
        auto& sandbox = state.sandboxes[a.work->instance.id];
        sandbox.busy = true;
        sandbox.doing = InstancePhase::preparing;
    }
    void operator()(const Start& a) {
        auto& sandbox = state.sandboxes[a.instance];
        sandbox.busy = true;
        sandbox.doing = InstancePhase::running;
    }
    void operator()(const Inspect& a) {
        auto& sandbox = state.sandboxes[a.instance];
        sandbox.busy = true;
        sandbox.looking = true;
        sandbox.stale = false;  // what happens from here on is news again
    }
    void operator()(const Remove& a) {
        state.sandboxes[a.instance].busy = true;
        if (!a.trash.empty()) state.trash[a.trash].busy = true;
    }
    void operator()(const auto& a) { state.sandboxes[a.instance].busy = true; }
};

struct Done {
    State& state;
    const Action& action;
    const Outcome& outcome;
    MonoTime now;

    void operator()(const CreateVolume& a) { volume_done(state, a.volume.id, outcome, now); }
    void operator()(const RestoreVolume& a) {
        volume_done(state, a.volume, outcome, now);
        state.trash[a.trash].busy = false;
    }
    void operator()(const TrashVolume& a) {
        auto& volume = state.volumes[a.volume];
        volume.busy = false;
        volume.settled = false;
        volume.outdated = false;
        trash_done(state.trash[a.trash], outcome, now);
    }
    void operator()(const TrashImage& a) { trash_done(state.trash[a.trash], outcome, now); }
    void operator()(const RestoreImage& a) {
        auto& trash = state.trash[a.trash];
        trash.busy = false;
        trash.restored = outcome.status.has_value();
        if (!trash.restored) trash.trouble.raise(now);
    }
    void operator()(const PurgeTrash& a) {
        auto& trash = state.trash[a.trash];
        trash.busy = false;
        trash.purged = outcome.status.has_value();
        if (!trash.purged) trash.trouble.raise(now);
    }
    void operator()(const Signal& a) {
        auto& sandbox = state.sandboxes[a.instance];
        sandbox_done(sandbox, action, outcome, now);
        if (outcome.status) sandbox.signalled_for = a.generation;
    }
    void operator()(const Remove& a) {
        auto& sandbox = state.sandboxes[a.instance];
        sandbox_done(sandbox, action, outcome, now);
        if (!a.trash.empty()) state.trash[a.trash].busy = false;
        if (!outcome.status) return;
        sandbox.removed_to = a.trash;
        sandbox.removed_bytes = outcome.bytes;
        sandbox.sight.phase = InstancePhase::absent;
        sandbox.stale = false;
    }
    void operator()(const auto&) {
        sandbox_done(state.sandboxes[instance_of(action)], action, outcome, now);
    }
};

template <typename States, typename Keep>
void erase_unless(States& states, Keep keep) {
    for (auto it = states.begin(); it != states.end();) {
        it = keep(it->first, it->second) ? std::next(it) : states.erase(it);
    }
}

}  // namespace

State recovered(const std::vector<Sight>& sandboxes, const std::map<VolumeId, Bytes>& volumes,
                MonoTime now) {
    State state;
    for (const auto& sight : sandboxes) {
        auto& sandbox = state.sandboxes[sight.instance];
        sandbox.sight = sight;
        sandbox.up_since = now;
    }
    for (const auto& [id, used] : volumes) {
        auto& volume = state.volumes[id];
        volume.used = used;
        volume.settled = true;  // but for one that is to come from the trash: see assigned()
    }
    return state;
}

void begun(State& state, const Action& action) {
    std::visit(Begin{state}, action);
}

void done(State& state, const Action& action, const Outcome& outcome, MonoTime now) {
    std::visit(Done{state, action, outcome, now}, action);
}

void noticed(State& state, const InstanceId& instance) {
    const auto sandbox = state.sandboxes.find(instance);
    if (sandbox != state.sandboxes.end()) sandbox->second.stale = true;
}

void assigned(State& state, const Assignment& before, const Assignment& now) {
    for (const auto& [id, work] : now.instances) {
        auto& sandbox = state.sandboxes[id];
        sandbox.sight.instance = id;
        const auto known = before.instances.find(id);
        // A new goal is a new attempt: nobody waits a minute because the last goal met trouble.
        if (known != before.instances.end() &&
            known->second->instance.goal != work->instance.goal) {
            sandbox.trouble.clear();
        }
    }
    for (auto& [id, volume] : state.volumes) {
        const auto was = before.volumes.find(id);
        const auto is = now.volumes.find(id);
        const auto from_before =
            was == before.volumes.end() ? TrashId() : was->second.restored_from;
        const auto from_now = is == now.volumes.end() ? TrashId() : is->second.restored_from;
        const bool other_life =
            is == now.volumes.end() || (!from_now.empty() && from_now != from_before);
        if (!other_life) continue;
        volume.settled = false;
        volume.outdated = volume.busy;
    }
    erase_unless(state.sandboxes, [&](const InstanceId& id, const SandboxState& sandbox) {
        return now.instances.contains(id) || sandbox.busy ||
               sandbox.sight.phase != InstancePhase::absent;
    });
    erase_unless(state.volumes, [&](const VolumeId& id, const VolumeState& volume) {
        return now.volumes.contains(id) || volume.busy;
    });
    erase_unless(state.trash, [&](const TrashId& id, const TrashState& trash) {
        return now.trash.contains(id) || trash.busy;
    });
}

}  // namespace moln::node
