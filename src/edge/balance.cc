#include "edge/balance.h"

#include <algorithm>

namespace moln::edge {

std::optional<std::size_t> least_loaded(std::span<const std::uint32_t> loads, std::size_t turn) {
    if (loads.empty()) return std::nullopt;
    const std::uint32_t least = *std::ranges::min_element(loads);
    if (least == k_not_eligible) return std::nullopt;
    const auto start = loads.begin() + static_cast<std::ptrdiff_t>(turn % loads.size());
    auto found = std::find(start, loads.end(), least);
    if (found == loads.end()) found = std::find(loads.begin(), start, least);
    return static_cast<std::size_t>(found - loads.begin());
}

}  // namespace moln::edge
