#include "plan/command.h"

#include <utility>
#include <variant>

#include "plan/decision.h"

namespace moln::plan {

Result<Outcome> decide(const World& world, const Command& command, const Expected& expected,
                       Now now, std::uint64_t seed) {
    Decision d{.draft = Draft(world, now, seed), .expected = expected};
    MOLN_TRY(std::visit([&](const auto& one) { return decide_on(d, one); }, command));
    return Outcome{d.draft.take(), std::move(d.reply), std::move(d.effects)};
}

}  // namespace moln::plan
