// Answers a certificate authority that looks whether we speak for a host (edge/challenge.h): before
// redirects and routes, since the host may have neither yet.
#pragma once

#include "runtime/edge/flow.h"

namespace moln::edge_loop {

// False: it is not asked for by an authority, and goes on as any request.
bool answer_challenge(Core& core, Exchange& exchange);

}  // namespace moln::edge_loop
