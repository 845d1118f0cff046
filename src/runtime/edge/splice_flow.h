// Long bodies of known length from an instance's socket to the client's, uncopied. Both must be
// sockets and nothing else: no TLS, no HTTP/2, no cache that wants to see.
#pragma once

#include "runtime/edge/flow.h"

namespace moln::edge_loop {

// Shorter ones are as well copied: a pipe costs two calls more for each piece.
inline constexpr std::size_t k_splice_bytes_min = 256u << 10;

// Whether what is left of the response's body goes through exchange.pipe, which this lends it. Only
// asked when all that was read before has been sent.
bool may_splice(Core& core, Exchange& exchange);

// As pump_response; done: the instance ended its stream in the middle.
Flow splice_body(Core& core, Exchange& exchange);

}  // namespace moln::edge_loop
