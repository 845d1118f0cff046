#include "plan/crash.h"

#include <fmt/format.h>

#include "plan/drain.h"
#include "plan/explain.h"
#include "plan/judge.h"

namespace moln::plan {
namespace {

void tell_crash(Draft& draft, const Member& member) {
    const auto& instance = *member.instance;
    const auto count = crashes(member);
    draft.tell(count >= k_crashes_max ? EventLevel::error : EventLevel::warning, "instance.crashed",
               instance.app, instance.id.text,
               fmt::format("{} of release {} {}; it is started again with back-off (crash {})",
                           instance.id.text, instance.release, end_words(member.seen), count));
}

}  // namespace

void tell_crashes(Draft& draft, AppScope& scope) {
    for (auto& member : scope.members) {
        if (!lives(member) || member.seen == nullptr) continue;
        const auto count = crashes(member);
        if (count == member.instance->crashes_told) continue;
        // Fewer than told: the node counts anew after its daemon was restarted.
        if (count > member.instance->crashes_told) tell_crash(draft, member);
        Instance next = *member.instance;
        next.crashes_told = count;
        member.instance = draft.put(std::move(next));
    }
}

}  // namespace moln::plan
