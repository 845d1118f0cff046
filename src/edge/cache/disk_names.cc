#include "edge/cache/disk_names.h"

#include <algorithm>

namespace moln::edge {

DiskNames::DiskNames()
    : lists_(std::make_unique<std::string[]>(k_disk_names_max)), uses_(k_disk_names_max) {
    uses_.front().taken = true;
}

std::optional<std::uint16_t> DiskNames::number_of(std::string_view list, std::uint64_t tick) {
    std::size_t free = count_;
    for (std::size_t i = 0; i < count_; ++i) {
        if (uses_[i].taken && lists_[i] == list) {
            uses_[i].tick = tick;
            return static_cast<std::uint16_t>(i);
        }
        if (!uses_[i].taken) free = std::min(free, i);
    }
    if (free == k_disk_names_max) return std::nullopt;
    lists_[free] = list;
    uses_[free] = {.taken = true, .tick = tick};
    count_ = std::max(count_, free + 1);
    return static_cast<std::uint16_t>(free);
}

std::vector<bool> DiskNames::choose(std::span<const std::size_t> places, std::uint64_t tick) const {
    std::vector<bool> chosen(count_);
    std::vector<std::size_t> used;
    std::size_t unused = 0;
    for (std::size_t i = 1; i < count_; ++i) {
        if (!uses_[i].taken || uses_[i].tick == tick) continue;
        if (places[i] > 0) {
            used.push_back(i);
        } else {
            chosen[i] = true;
            ++unused;
        }
    }
    std::ranges::stable_sort(used, {}, [&](std::size_t i) { return uses_[i].tick; });
    for (const std::size_t i : used) {
        if (unused >= k_disk_names_free_min) break;
        chosen[i] = true;
        ++unused;
    }
    return chosen;
}

void DiskNames::free(const std::vector<bool>& chosen) {
    for (std::size_t i = 1; i < chosen.size(); ++i) {
        if (!chosen[i]) continue;
        uses_[i].taken = false;
        lists_[i].clear();
    }
}

}  // namespace moln::edge
