// A fetch for the cache: see cache_flow.h. What begins one.
#pragma once

#include <cstdint>
#include <memory>

#include "runtime/edge/cache_flow.h"

namespace moln::edge_loop {

// Wakes all who wait, on whatever worker.
void tell(Core& core, WorkerSet& waiting);

enum class FillFor : std::uint8_t {
    leader,   // `asker` waits for it, and gets the answer itself if it may not be shared
    refresh,  // nobody waits
};

// Asks the app for what `asker` asked for. The fetch is moved on from then on by this worker.
void start_fill(Core& core, Exchange& asker, std::shared_ptr<CacheFetch> fetch, FillFor why);

}  // namespace moln::edge_loop
