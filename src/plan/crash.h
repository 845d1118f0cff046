// Crashes are seen, not decided: the node restarts in place, with back-off. Here they become
// events.
#pragma once

#include "plan/scope.h"

namespace moln::plan {

void tell_crashes(Draft& draft, AppScope& scope);

}  // namespace moln::plan
