#include "plan/place.h"

#include <utility>

#include "plan/volumes.h"

namespace moln::plan {

std::uint32_t AddressSlots::take(std::string_view project) {
    auto found = networks_.find(project);
    if (found == networks_.end()) {
        found = networks_.emplace(std::string(project), Network{}).first;
        for (const auto& scope : index_.apps) {
            if (project_of(scope.id) != project) continue;
            for (const auto& member : scope.members) {
                if (!member.deleted) found->second.taken.insert(member.instance->address_slot);
            }
        }
    }
    auto& [taken, next] = found->second;
    while (taken.contains(next)) ++next;
    if (next > k_address_slot_max) return 0;
    taken.insert(next);
    return next++;
}

bool make_instance(Draft& draft, AppScope& scope, AddressSlots& slots, const NewInstance& wanted) {
    const auto id = draft.fresh_instance(wanted.process);
    const auto claim = claim_volumes(draft, scope, *wanted.release, wanted.process, id);
    // Whoever runs beside a service does not wait for its volume: it runs without.
    const bool waits = claim.must_wait && wanted.kind == InstanceKind::service;
    if (claim.blocked) return false;
    const auto slot = slots.take(project_of(scope.id));
    if (slot == 0) return false;
    Instance instance{
        .id = id,
        .app = scope.id,
        .release = wanted.release->number,
        .process = wanted.process,
        .kind = wanted.kind,
        .node = draft.world().self,
        .restart_count = scope.app->restart_count,
        .goal = waits ? InstanceGoal::prepare : InstanceGoal::run,
        .address_slot = slot,
        .command = {},
        .volumes = claim.now,
        .created = draft.now().wall,
        .goal_since = draft.now().steady,
        .drained_version = {},
        .trash = {},
    };
    scope.members.push_back(
        {.instance = draft.put(std::move(instance)), .seen = nullptr, .edge = {}});
    return true;
}

}  // namespace moln::plan
