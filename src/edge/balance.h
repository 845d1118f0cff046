// Which endpoint gets the next request: the one with the fewest open requests, ties in rotation.
// Not which endpoints are eligible: the caller says so by k_not_eligible.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>

namespace moln::edge {

inline constexpr std::uint32_t k_not_eligible = std::numeric_limits<std::uint32_t>::max();

// `loads` are open requests by endpoint. Of the least loaded ones, the first at or after `turn`
// (any number; taken modulo the size), else the first from the beginning. Nothing if none is
// eligible. The caller's next turn is the result plus one.
std::optional<std::size_t> least_loaded(std::span<const std::uint32_t> loads, std::size_t turn);

}  // namespace moln::edge
