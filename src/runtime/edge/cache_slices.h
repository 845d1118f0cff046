// Requests that are answered from slices (edge/cache/slices.h): one slice is asked for after the
// other, each like an answer of its own, and sent while it comes. What the client was told of the
// whole with the first holds for all: a slice of another representation cuts it.
#pragma once

#include <string_view>

#include "runtime/edge/cache_flow.h"

namespace moln::edge_loop {

// The request, of whose URL nothing whole is kept, is answered from slices; or it cannot be: then
// nothing has changed.
CacheEntry enter_slices(Core& core, Exchange& exchange, std::string_view key);
// There is news of the slice that it waits for.
Flow take_slice_news(Core& core, Exchange& exchange);
// It has waited for that slice for long enough.
Flow ask_slice_anew(Core& core, Exchange& exchange);
// The slice at hand broke off: it is asked for again, and sent on from where that was.
Flow resume_slice(Core& core, Exchange& exchange);
// All of the slice at hand was sent.
bool has_more_slices(const CacheVisit& visit);
Flow next_slice(Core& core, Exchange& exchange);

}  // namespace moln::edge_loop
