#include "plan/volumes.h"

#include <algorithm>

#include <fmt/format.h>

#include "plan/judge.h"

namespace moln::plan {
namespace {

bool holds(const Instance& instance, const VolumeId& id) {
    return std::ranges::find(instance.volumes, id) != instance.volumes.end();
}

// Must an instance of release `number` wait until `holder` has ended? The volume's own word counts
// between releases, the new release's word among its own instances.
bool withholds(const Instance& holder, const VolumeSpec& spec, const Volume& volume,
               std::int64_t number) {
    if (!holds(holder, volume.id)) return false;
    return spec.sharing == Sharing::exclusive ||
           (volume.sharing == Sharing::exclusive && holder.release != number);
}

bool is_withheld(const AppScope& scope, const VolumeSpec& spec, const Volume& volume,
                 std::int64_t number) {
    return std::ranges::any_of(scope.members, [&](const Member& member) {
        return !member.deleted && withholds(*member.instance, spec, volume, number);
    });
}

// Nobody of another mind has it: from now on it is shared or exclusive as the taker's release says.
void adopt_sharing(Draft& draft, AppScope& scope, const VolumeSpec& spec, const VolumeId& id) {
    const auto place = std::ranges::find(scope.volumes, id, &Volume::id);
    if ((*place)->sharing == spec.sharing) return;
    if (spec.sharing == Sharing::exclusive && holder_of(scope, id) != nullptr) return;
    Volume next = **place;
    next.sharing = spec.sharing;
    *place = draft.put(std::move(next));
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

struct Need {
    const VolumeSpec* spec = nullptr;
    const Volume* volume = nullptr;
};

// The volumes that a waiting instance does not hold yet.
std::vector<Need> needed_by(const AppScope& scope, const Member& waiting) {
    std::vector<Need> needed;
    if (scope.wanted == nullptr) return needed;
    for (const auto& spec : scope.wanted->config.volumes) {
        if (spec.lifetime == Lifetime::instance) continue;
        if (!mounts(spec, waiting.instance->process)) continue;
        const auto* volume = find_volume(scope, spec.name);
        if (volume == nullptr || holds(*waiting.instance, volume->id)) continue;
        needed.push_back({&spec, volume});
    }
    return needed;
}

}  // namespace

const Volume* find_volume(const AppScope& scope, const std::string& name) {
    for (const auto* volume : scope.volumes) {
        if (volume->name == name && volume->instance.empty()) return volume;
    }
    return nullptr;
}

const Instance* holder_of(const AppScope& scope, const VolumeId& id) {
    for (const auto& member : scope.members) {
        if (!member.deleted && holds(*member.instance, id)) return member.instance;
    }
    return nullptr;
}

Claim claim_volumes(Draft& draft, AppScope& scope, const Release& release,
                    const std::string& process, const InstanceId& instance) {
    Claim claim;
    claim.blocked = waits_for_restore(scope, release, process);
    if (claim.blocked) return claim;
    std::vector<std::pair<const VolumeSpec*, VolumeId>> later;
    for (const auto& spec : release.config.volumes) {
        if (!mounts(spec, process)) continue;
        if (spec.lifetime == Lifetime::instance) {
            claim.now.push_back(make_volume(draft, scope, spec, instance)->id);
            continue;
        }
        const auto* volume = find_volume(scope, spec.name);
        if (volume == nullptr) volume = make_volume(draft, scope, spec, {});
        later.emplace_back(&spec, volume->id);
        claim.must_wait = claim.must_wait || is_withheld(scope, spec, *volume, release.number);
    }
    if (claim.must_wait) return claim;
    for (const auto& [spec, id] : later) {
        adopt_sharing(draft, scope, *spec, id);
        claim.now.push_back(id);
    }
    return claim;
}

std::vector<std::size_t> holders_waited_for(const AppScope& scope, const Member& waiting) {
    std::vector<std::size_t> holders;
    const auto needed = needed_by(scope, waiting);
    for (std::size_t i = 0; i < scope.members.size(); ++i) {
        const auto& member = scope.members[i];
        if (member.deleted) continue;
        const bool in_the_way = std::ranges::any_of(needed, [&](const Need& need) {
            return withholds(*member.instance, *need.spec, *need.volume, waiting.instance->release);
        });
        if (in_the_way) holders.push_back(i);
    }
    return holders;
}

void hand_over(Draft& draft, AppScope& scope, Member& waiting) {
    Instance next = *waiting.instance;
    for (const auto& [spec, volume] : needed_by(scope, waiting)) {
        next.volumes.push_back(volume->id);
        draft.tell(EventLevel::info, "volume.handed_over", scope.id, volume->id.text,
                   fmt::format("volume {} of {} is now in the hands of {}", volume->name,
                               scope.id.text, next.id.text));
        adopt_sharing(draft, scope, *spec, volume->id);
    }
    next.goal = InstanceGoal::run;
    next.goal_since = draft.now().steady;
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
        if (next != *volume) volume = draft.put(std::move(next));
    }
}

void tell_unmounted(Draft& draft, const AppScope& scope) {
    const auto& wanted = scope.wanted->config.volumes;
    for (const auto& spec : scope.serving->config.volumes) {
        if (std::ranges::find(wanted, spec.name, &VolumeSpec::name) != wanted.end()) continue;
        const auto* volume = find_volume(scope, spec.name);
        if (volume == nullptr) continue;
        draft.tell(EventLevel::info, "volume.unmounted", scope.id, volume->id.text,
                   fmt::format("release {} of {} does not mount volume {}: it stays as {}",
                               scope.wanted->number, scope.id.text, spec.name, volume->id.text));
    }
}

}  // namespace moln::plan
