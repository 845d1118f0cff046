// How requests meet the cache: looked up before they go to an app, answered from what is stored,
// made to wait for a fetch that somebody leads, or made its leader.
//
// A fetch is an exchange of its own whose client is no connection but the cache: its response goes
// into a CacheBody as fast as the app sends it, whoever reads it, and goes on when who asked first
// has left. Hold, retry and drain are the same as for any other request. Everyone who asked, the
// first too, reads from the body as it grows.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "runtime/edge/flow.h"

namespace moln::edge_loop {

// The request goes to the cache, or is found to be none for it: then the caller dispatches it.
enum class CacheEntry : std::uint8_t { taken, not_taken };
CacheEntry enter_cache(Core& core, Exchange& exchange, const CacheSpec& rules);

// Of an exchange in stage cache: goes on with what it waits for or sends.
Flow pump_cached(Core& core, Exchange& exchange);
// Lets those go on who wait for news from a fetch or a body.
void serve_cache_news(Core& core);
// Those go on by themselves who have waited for another's fetch, or for the disk, for long enough.
void on_cache_timer(Core& core, CacheVisit& visit);
template <typename Consider>
void each_cache_deadline(Core& core, Consider&& consider) {
    for (auto* list : {&core.cache_wait_timers, &core.cache_load_timers}) {
        if (const CacheVisit* visit = list->front()) consider(visit->deadline_ms);
    }
}
// The exchange has been answered or is lost.
void leave_cache(Core& core, Exchange& exchange);

// The final head of an app's answer is here: an unsafe request that succeeded makes what is stored
// untrue. Gives the Cache-Status of a request that went to its app; empty: none is said.
std::string_view note_answer(Core& core, Exchange& exchange,
                             std::span<char, http::k_cache_status_bytes_max> room);

}  // namespace moln::edge_loop
