// The invariants that one plan can break, each a checker. For the property tests here and for the
// simulator; numbers are those of docs/INVARIANTS.md.
#pragma once

#include <string>
#include <vector>

#include "plan/plan.h"

namespace moln::plan {

// `after` is `before` with the plan's changes applied (events numbered). Each entry is
// "I3: what is wrong"; empty when all hold.
std::vector<std::string> broken_invariants(const World& before, const Plan& plan,
                                           const World& after);

// Of a World between plans: I7, I12.
std::vector<std::string> broken_invariants(const World& world);

}  // namespace moln::plan
