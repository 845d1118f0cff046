// The brain of one node, pure: from what is assigned to it and what is there to the driver calls
// that can begin now. Called again when an action is done, something is noticed or time has come.
#pragma once

#include <optional>
#include <vector>

#include "base/units.h"
#include "node/action.h"
#include "node/assignment.h"
#include "node/state.h"

namespace moln::node {

struct Plan {
    std::vector<Action> actions;   // all may run at once: no two share a subject
    std::optional<MonoTime> wake;  // a back-off ends then
};

// Never: two actions of one subject at once; a start while another sandbox that is running, or may
// be by an action under way, holds an exclusive volume of it; a second start of what runs; a stop,
// kill or removal that no goal asks for. What is not assigned is left alone.
Plan plan(const Assignment& assignment, const State& state, MonoTime now);

}  // namespace moln::node
