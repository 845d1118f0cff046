// Whether a client showed the certificate that a route asks of it.
#pragma once

#include "runtime/edge/core.h"

namespace moln::edge_loop {

// Of a target with a client_cert. Sets exchange.client_cert to what the instance is told. False: it
// is answered.
bool admit_client_cert(Core& core, Exchange& exchange, const edge::RouteTarget& target);

}  // namespace moln::edge_loop
