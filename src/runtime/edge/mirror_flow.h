// Copies of requests for a canary, whose answers are dropped. A copy begins when all of its request
// was sent, takes what is in memory of it, and is let go rather than waited for: the request that
// it is of never notices.
#pragma once

#include "runtime/edge/flow.h"

namespace moln::edge_loop {

// Of an exchange with `mirror`, all of whose request was sent.
void begin_mirror(Core& core, Exchange& exchange);
// Lets those go that take too long.
void fire_mirror_timers(Core& core);
// The edge stops: they get little more time.
void hurry_mirrors(Core& core);
// When that has something to do; some are open.
std::int64_t next_mirror_deadline_ms(Core& core);

}  // namespace moln::edge_loop
