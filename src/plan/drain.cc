#include "plan/drain.h"

#include <algorithm>

#include <fmt/format.h>

#include "model/limits.h"
#include "plan/explain.h"
#include "plan/judge.h"

namespace moln::plan {
namespace {

const DrainSpec& drain_spec(const Draft& draft, const Instance& instance) {
    static const DrainSpec k_until_done;
    const auto* release = draft.release(instance.app, instance.release);
    return release == nullptr ? k_until_done : release->config.drain;
}

// True once the user's limit for the present step is over; else the plan is made again then.
bool limit_over(Draft& draft, const Instance& instance) {
    const auto& limit = drain_spec(draft, instance).limit;
    if (!limit) return false;
    const auto deadline = instance.goal_since + *limit;
    if (deadline <= draft.now().steady) return true;
    draft.wake_at(deadline);
    return false;
}

void tell_end(Draft& draft, const Member& member) {
    const auto& instance = *member.instance;
    const auto* exit =
        member.seen != nullptr && member.seen->last_exit ? &*member.seen->last_exit : nullptr;
    const bool unclean = exit != nullptr && (exit->code != 0 || exit->out_of_memory);
    draft.tell(unclean ? EventLevel::warning : EventLevel::info, "instance.ended", instance.app,
               instance.id.text,
               fmt::format("{} of release {} {}", instance.id.text, instance.release,
                           end_words(member.seen)));
}

void advance_drained(Draft& draft, const Sight& sight, Member& member) {
    const auto& instance = *member.instance;
    if (is_over(member)) return tidy_away(draft, member);
    if (is_idle(sight, member, draft.world().edge)) {
        return set_goal(draft, member, InstanceGoal::stop);
    }
    if (!limit_over(draft, instance)) return;
    // The limit may have run out while no daemon was there to tell the edge: that comes first, or
    // the edge would go on sending to what has been told to end.
    const bool told = instance.drained_version && sight.edges_acked >= *instance.drained_version;
    if (!sight.edges_connected || !told) return;
    draft.tell(EventLevel::warning, "instance.drain_limit", instance.app, instance.id.text,
               fmt::format("{} is stopped with {} requests and connections open: its drain limit "
                           "is over",
                           instance.id.text, member.edge.open));
    set_goal(draft, member, InstanceGoal::stop);
}

void advance_stopped(Draft& draft, Member& member) {
    const auto& instance = *member.instance;
    if (is_over(member)) return tidy_away(draft, member);
    if (!limit_over(draft, instance)) return;
    draft.tell(EventLevel::warning, "instance.killed", instance.app, instance.id.text,
               fmt::format("{} is killed: it has not ended within its drain limit after the stop "
                           "signal",
                           instance.id.text));
    set_goal(draft, member, InstanceGoal::kill);
}

// The node says how much lies in the trash: only now may the record go.
void advance_removed(Draft& draft, AppScope& scope, Member& member) {
    const auto& instance = *member.instance;
    const auto node = draft.world().nodes.find(instance.node);
    if (node == draft.world().nodes.end()) return;
    const auto settled = node->second.trash_settled.find(instance.trash);
    if (settled == node->second.trash_settled.end()) return;
    if (settled->second.count > 0) {
        draft.put(TrashItem{
            .id = instance.trash,
            .kind = TrashKind::writable_layer,
            .app = instance.app,
            .what = fmt::format("writable layer of {} (release {})", instance.id.text,
                                instance.release),
            .subject = instance.id.text,
            .node = instance.node,
            .size = settled->second,
            .dropped = draft.now().wall,
            .expires = draft.now().steady + k_trash_age_default,
            .content = {},
            .settled = true,
        });
    }
    // Its bytes went with the writable layer.
    std::erase_if(scope.volumes, [&](const Volume* volume) {
        if (volume->instance != instance.id) return false;
        draft.drop(volume->id);
        return true;
    });
    draft.drop(instance.id);
    member.deleted = true;
}

}  // namespace

void set_goal(Draft& draft, Member& member, InstanceGoal goal) {
    Instance next = *member.instance;
    next.goal = goal;
    next.goal_since = draft.now().steady;
    ++next.generation;
    member.instance = draft.put(std::move(next));
}

void leave(Draft& draft, Member& member) {
    if (member.instance->goal == InstanceGoal::prepare) return tidy_away(draft, member);
    set_goal(draft, member, member.instance->in_edge ? InstanceGoal::drain : InstanceGoal::stop);
}

void tidy_away(Draft& draft, Member& member) {
    if (member.instance->goal != InstanceGoal::prepare) tell_end(draft, member);
    Instance next = *member.instance;
    next.goal = InstanceGoal::remove;
    next.goal_since = draft.now().steady;
    ++next.generation;
    next.trash = draft.fresh_trash();
    // Given up: another may hold them now. Those of its own lifetime go with it.
    std::erase_if(next.volumes, [&](const VolumeId& id) {
        const auto* volume = draft.volume(id);
        return volume == nullptr || volume->instance != next.id;
    });
    member.instance = draft.put(std::move(next));
}

void advance_leaving(Draft& draft, const Sight& sight, AppScope& scope) {
    for (auto& member : scope.members) {
        if (member.deleted) continue;
        switch (member.instance->goal) {
            case InstanceGoal::prepare:
            case InstanceGoal::run: break;
            case InstanceGoal::drain: advance_drained(draft, sight, member); break;
            case InstanceGoal::stop: advance_stopped(draft, member); break;
            case InstanceGoal::kill:
                if (is_over(member)) tidy_away(draft, member);
                break;
            case InstanceGoal::remove: advance_removed(draft, scope, member); break;
        }
    }
}

}  // namespace moln::plan
