// Requests for a site: its files are answered by the edge itself, without an instance.
#pragma once

#include "runtime/edge/flow.h"

namespace moln::edge_loop {

// Of an app with a site: the answer's head is on its way, with its file behind it (file_flow.h), or
// an answer of ours.
void enter_site(Core& core, Exchange& exchange);
// What it sends goes on; what cannot be read is said once in a while, and answered with 503 if
// nothing of it has left.
Flow pump_site(Core& core, Exchange& exchange);

}  // namespace moln::edge_loop
