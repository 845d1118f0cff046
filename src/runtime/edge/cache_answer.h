// What of a stored response is said to the request that it answers.
#pragma once

#include "runtime/edge/flow.h"

namespace moln::edge_loop {

// Chooses among the whole, a part of it, 304, 416 and the codings that are there, and has one made
// that is wanted and is not. The head goes into to_client; what follows of the body stands in the
// visit then. False: it cannot be said.
bool put_stored_head(Core& core, Exchange& exchange);

}  // namespace moln::edge_loop
