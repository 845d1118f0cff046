// Steps of a request at the cache that both whole answers (cache_flow.cc) and slices
// (cache_slices.cc) take.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "runtime/edge/cache_flow.h"

namespace moln::edge_loop {

// A waiter whom the answer does not fit looks again; after so many times it asks for itself.
inline constexpr std::uint8_t k_rounds_max = 3;

// In Cache-Status, of what is given because asking for it failed.
inline constexpr std::string_view k_stale_if_error = "stale-if-error";

// A request is counted once, by what its answer came of.
void count_hit(Core& core, CacheVisit& visit);
void count_stale_hit(Core& core, CacheVisit& visit);
// Of a visit that waits: it does so no more.
void end_wait(CacheVisit& visit);
// It goes to its app like a request that no cache has seen.
void go_alone(Core& core, Exchange& exchange);
// It is answered with what is stored, which is whole.
void serve(Core& core, Exchange& exchange, std::shared_ptr<const CachedResponse> response);
// Has it what makes an answer its own, unless that says otherwise (see edge::Identity)?
bool has_credentials(const Exchange& exchange);
// What it waited for may not be given to it, but the same may be to be had for all.
bool looks_again(const CacheFetch& passed, const Exchange& exchange);
// May what came for another request answer this one, which waited for it?
bool suits(Core& core, const Exchange& exchange, const CachedResponse& response);
// Here at once if the kernel has it in memory; else others read it, and whoever waits is told.
void begin_load(Core& core, CacheVisit& visit);
// Nothing came of what it waited for.
void tell_failure(Core& core, Exchange& exchange, const CacheFailure& failure);

}  // namespace moln::edge_loop
