#include "edge/cache/purge_times.h"

#include <algorithm>

namespace moln::edge {

void PurgeTimes::note(std::uint64_t before, std::int64_t at_ms) {
    for (auto one = purges_.rbegin(); one != purges_.rend() && one->before > before; ++one) {
        one->before = before;  // who came before those came before this one, too
    }
    purges_.push_back({.before = before, .at_ms = at_ms});
    if (purges_.size() <= k_purge_times_max) return;
    // The two oldest become one that took what either did, when the later did.
    purges_.pop_front();
    purges_.front().before = 0;
}

// Of the same millisecond: it may have been before the purge.
std::optional<std::uint64_t> PurgeTimes::generation_at(std::int64_t born_ms) const {
    const auto next = std::ranges::lower_bound(purges_, born_ms, {}, &Purge::at_ms);
    if (next == purges_.end()) return std::nullopt;
    return next->before;
}

}  // namespace moln::edge
