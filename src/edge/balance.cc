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

// The finalizer of SplitMix64 (Steele, Lea and Flood, 2014).
std::uint64_t rendezvous_score(std::uint64_t key, std::uint64_t endpoint) {
    std::uint64_t mixed = key ^ (endpoint * 0x9e37'79b9'7f4a'7c15U);
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58'476d'1ce4'e5b9U;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d0'49bb'1331'11ebU;
    return mixed ^ (mixed >> 31);
}

double slow_start_share(Milliseconds age, Milliseconds slow_start) {
    constexpr double k_first = 0.05;
    if (age >= slow_start) return 1;
    const double passed = static_cast<double>(std::max<std::int64_t>(age.count, 0)) /
                          static_cast<double>(slow_start.count);
    return std::max(k_first, passed);
}

}  // namespace moln::edge
