// Which endpoint gets the next request: the one with the fewest open requests, ties in rotation, or
// the same one for the same key. Not which endpoints are eligible: the caller says so by
// k_not_eligible.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>

#include "base/units.h"

namespace moln::edge {

inline constexpr std::uint32_t k_not_eligible = std::numeric_limits<std::uint32_t>::max();

// `loads` are open requests by endpoint. Of the least loaded ones, the first at or after `turn`
// (any number; taken modulo the size), else the first from the beginning. Nothing if none is
// eligible. The caller's next turn is the result plus one.
std::optional<std::size_t> least_loaded(std::span<const std::uint32_t> loads, std::size_t turn);

// How much an endpoint is wanted for a key (Thaler and Ravishankar, "Using name-based mappings to
// increase hit rates", 1998): each key has its own order of endpoints, the highest is asked first.
// One that goes takes only its own keys along.
std::uint64_t rendezvous_score(std::uint64_t key, std::uint64_t endpoint);

// A new endpoint's share of what it will once have, from a twentieth to 1, `age` after it became
// active.
double slow_start_share(Milliseconds age, Milliseconds slow_start);

// What a request wants of the endpoint it goes to.
struct Preference {
    std::uint64_t affinity = 0;  // of the one that it went to before; 0: none
    std::uint64_t key = 0;       // of balancing by what it asks for; 0: by load
    bool canary = false;         // one of the canary's, while there is any

    bool any() const { return affinity != 0 || key != 0 || canary; }
};

}  // namespace moln::edge
