#include "plan/cron.h"

#include <algorithm>

#include <fmt/format.h>

#include "model/cron.h"
#include "plan/drain.h"
#include "plan/judge.h"

namespace moln::plan {
namespace {

// A last run in the future means that the clock was set back. By a little: wait, so that nothing
// runs twice. By more: count from now, so that it runs again this year.
constexpr Milliseconds k_clock_step_max = minutes(60);

bool is_under_way(const AppScope& scope, const std::string& process) {
    return std::ranges::any_of(scope.members, [&](const Member& member) {
        return !member.deleted && member.instance->kind == InstanceKind::cron &&
               member.instance->process == process && member.instance->goal != InstanceGoal::remove;
    });
}

void forget_lost(const AppScope& scope, App& app) {
    std::erase_if(app.cron_fired, [&](const auto& entry) {
        const auto* process = find_process(scope.serving, entry.first);
        return process == nullptr || process->kind != ProcessKind::cron;
    });
}

// Returns when the process is due next.
std::optional<WallTime> due_at(const ProcessSpec& process, WallTime fired) {
    const auto schedule = parse_cron(process.schedule);
    if (!schedule) return std::nullopt;
    return next_fire(*schedule, fired);
}

}  // namespace

// By the release that serves: another is on its way and has yet to be proved, or is a canary.
void fire_crons(Draft& draft, AppScope& scope, AddressSlots& slots) {
    if (scope.serving == nullptr || scope.layers_missing) return;
    App next = *scope.app;
    forget_lost(scope, next);
    const auto now = draft.now().wall;
    for (const auto& [name, process] : scope.serving->config.processes) {
        if (process.kind != ProcessKind::cron) continue;
        const auto [fired, is_new] = next.cron_fired.emplace(name, now);
        if (fired->second > now + k_clock_step_max) fired->second = now;
        const auto due = due_at(process, fired->second);
        const auto scaled = next.scale.find(name);
        const auto count = scaled == next.scale.end() ? process.instances : scaled->second;
        if (!due || count == 0) continue;
        if (*due > now) {
            draft.wake_at(*due);
        } else if (!is_under_way(scope, name) &&
                   make_instance(
                       draft, scope, slots,
                       {.release = scope.serving, .process = name, .kind = InstanceKind::cron})) {
            fired->second = now;
        }
    }
    if (next != *scope.app) scope.app = draft.put(std::move(next));
}

void finish_runs(Draft& draft, AppScope& scope) {
    for (auto& member : scope.members) {
        if (!lives(member) || member.instance->kind == InstanceKind::service) continue;
        if (is_over(member) && member.seen->phase == InstancePhase::ended) tidy_away(draft, member);
        const auto failed = failed_at(member);
        if (!failed) continue;
        if (*failed <= draft.now().steady) {
            tidy_away(draft, member);
        } else {
            draft.wake_at(*failed);
        }
    }
}

}  // namespace moln::plan
