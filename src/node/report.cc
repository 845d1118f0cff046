#include "node/report.h"

namespace moln::node {
namespace {

bool has_failed(const InstanceWork& work, const SandboxState& state) {
    if (!work.problem.empty()) return true;
    const auto attempts = state.hopeless ? 1 : k_attempts_before_failed;
    return state.trouble.failures >= attempts;
}

InstancePhase phase_towards_running(const InstanceWork& work, const SandboxState& state) {
    const auto phase = state.sight.phase;
    if (phase == InstancePhase::running) return phase;
    const bool service = work.instance.kind == InstanceKind::service;
    if (phase == InstancePhase::ended && !service) return phase;
    if (has_failed(work, state)) return InstancePhase::failed;
    if (phase == InstancePhase::ended) return InstancePhase::backing_off;
    return state.doing == InstancePhase::preparing ? state.doing : phase;
}

InstancePhase phase_of(const InstanceWork& work, const SandboxState& state) {
    const bool runs = state.sight.phase == InstancePhase::running;
    const bool unsure = (state.doing != InstancePhase::absent || state.looking) && !runs;
    switch (work.instance.goal) {
        case InstanceGoal::prepare:
        case InstanceGoal::run: return phase_towards_running(work, state);
        case InstanceGoal::drain:
        case InstanceGoal::stop:
        case InstanceGoal::kill:
            // A start may be under way for the goal before: not ended until that is known.
            if (unsure || state.stale) {
                return runs ? InstancePhase::running : InstancePhase::preparing;
            }
            if (!runs) return InstancePhase::ended;
            if (work.instance.goal == InstanceGoal::drain) return InstancePhase::running;
            return state.signalled_for != 0 || state.sight.signalled ||
                           work.instance.goal == InstanceGoal::kill
                       ? InstancePhase::stopping
                       : InstancePhase::running;
        case InstanceGoal::remove:
            if (state.removed_to == work.instance.trash) return InstancePhase::absent;
            return runs ? InstancePhase::stopping : InstancePhase::ended;
    }
    return InstancePhase::absent;
}

std::string reason_of(const InstanceWork& work, const SandboxState& state) {
    if (!work.problem.empty()) return work.problem;
    return state.reason;
}

}  // namespace

InstanceSeen instance_seen(const InstanceWork& work, const SandboxState& state) {
    InstanceSeen seen;
    seen.id = work.instance.id;
    seen.phase = phase_of(work, state);
    seen.generation = work.instance.generation;
    seen.address = state.sight.address;
    seen.pid = state.sight.phase == InstancePhase::running ? state.sight.pid : 0;
    seen.started = state.sight.started;
    seen.restarts = state.restarts;
    seen.last_exit = state.sight.exit;
    seen.reason = reason_of(work, state);
    seen.memory = state.memory;
    seen.cpu_used_us = state.cpu_used_us;
    seen.oom_kills = state.oom_kills;
    return seen;
}

NodeSeen report(const NodeId& node, const Assignment& assignment, const State& state) {
    NodeSeen seen;
    seen.id = node;
    seen.connected = true;
    for (const auto& [id, sandbox] : state.sandboxes) {
        const auto work = assignment.instances.find(id);
        if (work != assignment.instances.end()) continue;
        InstanceSeen unknown;
        unknown.id = id;
        unknown.phase = sandbox.sight.phase;
        unknown.address = sandbox.sight.address;
        unknown.pid = sandbox.sight.pid;
        unknown.started = sandbox.sight.started;
        seen.instances.emplace(id, std::move(unknown));
    }
    for (const auto& [id, work] : assignment.instances) {
        const auto sandbox = state.sandboxes.find(id);
        const SandboxState nothing;
        const auto& found = sandbox == state.sandboxes.end() ? nothing : sandbox->second;
        auto instance = instance_seen(*work, found);
        // A volume that cannot be made is why its instance cannot be.
        for (const auto& mount : work->mounts) {
            const auto volume = state.volumes.find(mount.volume);
            if (volume == state.volumes.end() || volume->second.reason.empty()) continue;
            if (instance.phase != InstancePhase::absent) continue;
            instance.phase = InstancePhase::failed;
            instance.reason = volume->second.reason;
        }
        if (found.removed_to && *found.removed_to == work->instance.trash &&
            work->instance.goal == InstanceGoal::remove) {
            instance.phase = InstancePhase::absent;
            if (!found.removed_to->empty()) {
                seen.trash_settled[*found.removed_to] = found.removed_bytes;
            }
        }
        seen.instances.emplace(id, std::move(instance));
    }
    for (const auto& [id, volume] : state.volumes) {
        if (!assignment.volumes.contains(id)) continue;
        seen.volumes_used[id] = volume.used;
        if (volume.settled) seen.volumes_settled[id] = true;
    }
    for (const auto& [id, work] : assignment.trash) {
        const auto trash = state.trash.find(id);
        const bool known = trash != state.trash.end();
        if (work.kind == TrashKind::app) seen.trash_settled[id] = Bytes{};
        if (known && trash->second.settled) seen.trash_settled[id] = *trash->second.settled;
        if (known && trash->second.restored) seen.trash_restored[id] = true;
        if (known && trash->second.purged) seen.trash_purged[id] = true;
    }
    return seen;
}

}  // namespace moln::node
