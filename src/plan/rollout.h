// The switch: the wanted release is started beside the one that serves, proved, put into the edge,
// and only then is the old one drained. Docs: docs/INVARIANTS.md has what this must keep.
#pragma once

#include "plan/place.h"
#include "plan/scope.h"

namespace moln::plan {

// The next steps of a running app towards its wanted release and numbers.
void roll(Draft& draft, const Sight& sight, AppScope& scope, AddressSlots& slots);

}  // namespace moln::plan
