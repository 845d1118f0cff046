// The way out of an instance: out of the edge, finish, end, be tidied away. One step a plan; each
// step waits for what is seen, none for a clock unless the user set a limit.
#pragma once

#include <string_view>

#include "plan/scope.h"

namespace moln::plan {

// Raises the generation: the node sees a new order.
void set_goal(Draft& draft, Member& member, InstanceGoal goal);

// Begins the way out: an instance that the edge has sent requests to is drained first, another gets
// its stop signal at once, one that was never started is tidied away.
void leave(Draft& draft, Member& member);

// The next step of every instance of the app that is on its way out.
void advance_leaving(Draft& draft, const Sight& sight, AppScope& scope);

// Ended and recorded: give up its place; what it wrote goes to the trash.
void tidy_away(Draft& draft, Member& member);

}  // namespace moln::plan
