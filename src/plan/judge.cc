#include "plan/judge.h"

#include <algorithm>

#include <fmt/format.h>

#include "plan/explain.h"

namespace moln::plan {
namespace {

// An edge that never had the endpoint, or was told that it is gone, has nothing open on it.
bool names_endpoint(const EdgeSnapshot& snapshot, const Instance& instance) {
    for (const auto& app : snapshot.apps) {
        if (app.app != instance.app || app.process != instance.process) continue;
        return std::ranges::any_of(app.endpoints, [&](const EdgeEndpoint& endpoint) {
            return endpoint.instance == instance.id;
        });
    }
    return false;
}

}  // namespace

bool lives(const Member& member) {
    if (member.deleted) return false;
    const auto goal = member.instance->goal;
    return goal == InstanceGoal::prepare || goal == InstanceGoal::run;
}

bool is_current(const AppScope& scope, const Member& member) {
    const auto& instance = *member.instance;
    return lives(member) && instance.kind == InstanceKind::service && scope.app != nullptr &&
           instance.release == scope.app->release &&
           instance.restart_count == scope.app->restart_count;
}

bool is_outdated(const AppScope& scope, const Member& member) {
    return lives(member) && member.instance->kind == InstanceKind::service &&
           !is_current(scope, member);
}

bool is_running(const Member& member) {
    return member.seen != nullptr && member.seen->phase == InstancePhase::running;
}

bool is_over(const Member& member) {
    if (member.seen == nullptr || member.seen->generation < member.instance->generation) {
        return false;
    }
    switch (member.seen->phase) {
        case InstancePhase::ended:
        case InstancePhase::absent:
        case InstancePhase::prepared: return true;
        case InstancePhase::failed: return member.seen->pid == 0;
        default: return false;
    }
}

std::int64_t crashes(const Member& member) {
    if (member.seen == nullptr) return 0;
    return member.seen->restarts + (member.seen->phase == InstancePhase::backing_off ? 1 : 0);
}

std::optional<SteadyTime> failed_at(const Member& member) {
    if (member.seen == nullptr || member.seen->phase != InstancePhase::failed) return std::nullopt;
    return member.instance->goal_since + k_failing_max;
}

bool is_ready(const Member& member, const ProcessSpec& process, WallTime now) {
    if (member.instance->goal != InstanceGoal::run || !is_running(member)) return false;
    if (process.kind == ProcessKind::web) return member.edge.healthy;
    // A start in the future means that the clock was set back: time proves nothing then.
    return member.seen->started > now || member.seen->started + k_worker_proof <= now;
}

std::optional<WallTime> ready_at(const Member& member, const ProcessSpec& process) {
    if (process.kind == ProcessKind::web || !is_running(member)) return std::nullopt;
    return member.seen->started + k_worker_proof;
}

bool is_idle(const Sight& sight, const Member& member, const EdgeSnapshot& decided) {
    const auto& drained = member.instance->drained_version;
    if (!drained || !sight.edges_connected || sight.edges_acked < *drained) return false;
    if (member.edge.everywhere) return member.edge.open == 0;
    return member.edge.report == nullptr && sight.edges_acked >= decided.version &&
           !names_endpoint(decided, *member.instance);
}

Verdict judge_start(const Sight& sight, const Member& member, const ProcessSpec& process,
                    const HealthSpec& health, const Now& now) {
    if (member.seen == nullptr) return {};
    const auto& name = member.instance->process;
    if (const auto counts = failed_at(member)) {
        if (now.steady < *counts) return {.failed = {}, .look_again = *counts - now.steady};
        return {.failed = fmt::format("{} could not be started: {}", name, member.seen->reason),
                .look_again = {}};
    }
    if (crashes(member) >= k_crashes_max) {
        return {.failed = crash_words(member, process), .look_again = {}};
    }
    // Without an edge to ask nobody can say that it is not healthy.
    if (process.kind != ProcessKind::web || !is_running(member) || member.edge.healthy ||
        !sight.edges_connected || !member.edge.everywhere) {
        return {};
    }
    const auto deadline = member.seen->started + health.start_grace;
    if (now.wall < deadline) return {.failed = {}, .look_again = deadline - now.wall};
    return {.failed = unhealthy_words(member, process, health), .look_again = {}};
}

}  // namespace moln::plan
