// Runs that end by themselves: cron processes by their schedule, and one-offs.
#pragma once

#include "plan/place.h"
#include "plan/scope.h"

namespace moln::plan {

// Starts what is due: one run of a process at a time; runs that were missed (the node was down, the
// one before took long) are made up for by one.
void fire_crons(Draft& draft, AppScope& scope, AddressSlots& slots);

// Tidies away finished cron runs and one-offs; their end is told by an event.
void finish_runs(Draft& draft, AppScope& scope);

}  // namespace moln::plan
