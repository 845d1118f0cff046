// Forwarded authentication: before a request is let in, a process of its app is asked whether it
// may come. The question is a request of its own (inner_sink.h). 2xx lets the request in, with some
// fields of that answer in the place of the client's own; any other answer is the client's, as it
// comes; without an answer it gets what any request gets.
#pragma once

#include "runtime/edge/admission_flow.h"

namespace moln::edge_loop {

// waits: the exchange is in stage auth.
Admission ask_first(Core& core, Exchange& exchange, const edge::RouteTarget& target);
// Of an exchange in stage auth.
Flow pump_auth(Core& core, Exchange& exchange);
// The exchange is lost.
void leave_auth(Core& core, Exchange& exchange);

}  // namespace moln::edge_loop
