#include "plan/volumes.h"

#include <algorithm>

#include <fmt/format.h>

#include "plan/judge.h"

namespace moln::plan {
namespace {

bool is_exclusive(const VolumeSpec& spec, const Volume& volume) {
    return spec.sharing == Sharing::exclusive || volume.sharing == Sharing::exclusive;
}

const Volume* make_volume(Draft& draft, AppScope& scope, const VolumeSpec& spec,
                          const InstanceId& owner) {
    const auto* volume = draft.put(Volume{
        .id = draft.fresh_volume(),
        .app = scope.id,
        .name = spec.name,
        .lifetime = spec.lifetime,
        .sharing = spec.sharing,
        .size = spec.size,
        .node = draft.world().self,
        .instance = owner,
        .restored_from = {},
        .created = draft.now().wall,
        .uid_base = scope.app->uid_base,
    });
    scope.volumes.push_back(volume);
    if (owner.empty()) {
        draft.tell(EventLevel::info, "volume.created", scope.id, volume->id.text,
                   fmt::format("volume {} of {} was made as {}", spec.name, scope.id.text,
                               volume->id.text));
    }
    return volume;
}

bool waits_for_restore(const AppScope& scope, const Release& release, const std::string& process) {
    return std::ranges::any_of(release.config.volumes, [&](const VolumeSpec& spec) {
        const auto* volume = mounts(spec, process) ? find_volume(scope, spec.name) : nullptr;
        return volume != nullptr && !volume->restored_from.empty();
    });
}

// The exclusive volumes that a waiting instance does not hold yet.
std::vector<const Volume*> needed_by(const AppScope& scope, const Member& waiting) {
    std::vector<const Volume*> needed;
    if (scope.wanted == nullptr) return needed;
    for (const auto& spec : scope.wanted->config.volumes) {
        if (spec.lifetime == Lifetime::instance) continue;
        if (!mounts(spec, waiting.instance->process)) continue;
        const auto* volume = find_volume(scope, spec.name);
        if (volume == nullptr || std::ranges::find(waiting.instance->volumes, volume->id) !=
                                     waiting.instance->volumes.end()) {
            continue;
        }
        needed.push_back(volume);
    }
    return needed;
}

}  // namespace

bool mounts(const VolumeSpec& spec, const std::string& process) {
    return spec.processes.empty() ||
           std::ranges::find(spec.processes, process) != spec.processes.end();
}

const Volume* find_volume(const AppScope& scope, const std::string& name) {
    for (const auto* volume : scope.volumes) {
        if (volume->name == name && volume->instance.empty()) return volume;
    }
    return nullptr;
}

const Instance* holder_of(const AppScope& scope, const VolumeId& id) {
    for (const auto& member : scope.members) {
        if (member.deleted) continue;
        const auto& held = member.instance->volumes;
        if (std::ranges::find(held, id) != held.end()) return member.instance;
    }
    return nullptr;
}

Claim claim_volumes(Draft& draft, AppScope& scope, const Release& release,
                    const std::string& process, const InstanceId& instance) {
    Claim claim;
    claim.blocked = waits_for_restore(scope, release, process);
    if (claim.blocked) return claim;
    std::vector<VolumeId> exclusive;
    for (const auto& spec : release.config.volumes) {
        if (!mounts(spec, process)) continue;
        if (spec.lifetime == Lifetime::instance) {
            claim.now.push_back(make_volume(draft, scope, spec, instance)->id);
            continue;
        }
        const auto* volume = find_volume(scope, spec.name);
        if (volume == nullptr) volume = make_volume(draft, scope, spec, {});
        if (!is_exclusive(spec, *volume)) {
            claim.now.push_back(volume->id);
            continue;
        }
        exclusive.push_back(volume->id);
        claim.must_wait = claim.must_wait || holder_of(scope, volume->id) != nullptr;
    }
    if (!claim.must_wait) {
        claim.now.insert(claim.now.end(), exclusive.begin(), exclusive.end());
    }
    return claim;
}

std::vector<std::size_t> holders_waited_for(const AppScope& scope, const Member& waiting) {
    std::vector<std::size_t> holders;
    const auto needed = needed_by(scope, waiting);
    for (std::size_t i = 0; i < scope.members.size(); ++i) {
        const auto& member = scope.members[i];
        if (member.deleted) continue;
        const auto& held = member.instance->volumes;
        const bool holds = std::ranges::any_of(needed, [&](const Volume* volume) {
            return std::ranges::find(held, volume->id) != held.end();
        });
        if (holds) holders.push_back(i);
    }
    return holders;
}

void hand_over(Draft& draft, AppScope& scope, Member& waiting) {
    Instance next = *waiting.instance;
    for (const auto* volume : needed_by(scope, waiting)) {
        next.volumes.push_back(volume->id);
        draft.tell(EventLevel::info, "volume.handed_over", scope.id, volume->id.text,
                   fmt::format("volume {} of {} is now in the hands of {}", volume->name,
                               scope.id.text, next.id.text));
    }
    next.goal = InstanceGoal::run;
    next.goal_since = draft.now().wall;
    ++next.generation;
    waiting.instance = draft.put(std::move(next));
}

void adopt_specs(Draft& draft, AppScope& scope) {
    for (auto*& volume : scope.volumes) {
        if (!volume->instance.empty()) continue;
        const auto& specs = scope.wanted->config.volumes;
        const auto spec = std::ranges::find(specs, volume->name, &VolumeSpec::name);
        if (spec == specs.end() || spec->lifetime == Lifetime::instance) continue;
        Volume next = *volume;
        next.size = std::max(next.size, spec->size);
        next.lifetime = spec->lifetime;
        next.sharing = spec->sharing;
        if (next != *volume) volume = draft.put(std::move(next));
    }
}

}  // namespace moln::plan
