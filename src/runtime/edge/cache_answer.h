// What of a stored response is said to the request that it answers.
#pragma once

#include <cstdint>
#include <memory>

#include "runtime/edge/flow.h"

namespace moln::edge_loop {

enum class HeadPut : std::uint8_t {
    put,
    elsewhere,  // of slices: what is sent begins in another one, which the visit names now
    gone,       // its body was on the disk, and is no more
    failed,     // it cannot be said
};
// Chooses among the whole, a part of it, 304, 416 and the codings that are there, and has one made
// that is wanted and is not. The head goes into to_client; what follows of the body stands in the
// visit then.
HeadPut put_stored_head(Core& core, Exchange& exchange);
// What the visit names of its body lies in `file`, and is sent from there.
void begin_stored_file(Core& core, Exchange& exchange, std::shared_ptr<const Fd> file);

}  // namespace moln::edge_loop
