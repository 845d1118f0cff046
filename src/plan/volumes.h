// Volumes of an app: found again by name, made when first needed, never dropped as a side effect.
// An exclusive one is in the hands of one instance at most: a hand-over waits until the holder has
// ended.
#pragma once

#include <string>
#include <vector>

#include "plan/scope.h"

namespace moln::plan {

// The volume of the app with that name that is not some instance's own; null if there is none.
const Volume* find_volume(const AppScope& scope, const std::string& name);

// The instance that has it in its hands, null if none does. One that is being tidied away has none.
const Instance* holder_of(const AppScope& scope, const VolumeId& id);

struct Claim {
    bool blocked = false;       // bytes are not yet back from the trash: make no instance now
    bool must_wait = false;     // one is in hands that must let go first
    std::vector<VolumeId> now;  // to be held from the start; with must_wait only its own
};
// Makes those that are missing.
Claim claim_volumes(Draft& draft, AppScope& scope, const Release& release,
                    const std::string& process, const InstanceId& instance);

// Living instances that hold what `waiting`, an instance with goal prepare, needs.
std::vector<std::size_t> holders_waited_for(const AppScope& scope, const Member& waiting);

// Gives `waiting` the volumes that it needs and lets it run, in one change. Only when nobody else
// holds them.
void hand_over(Draft& draft, AppScope& scope, Member& waiting);

// When a release has settled: volumes take its words on size (they only grow) and lifetime.
void adopt_specs(Draft& draft, AppScope& scope);

// Before AppScope::serving becomes the wanted release: which volumes that one leaves behind.
void tell_unmounted(Draft& draft, const AppScope& scope);

}  // namespace moln::plan
