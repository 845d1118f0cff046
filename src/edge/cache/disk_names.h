// The lists of names in Vary by which what lies in the disk tier's log varies, each under a number:
// a place in the index has no room for the list itself. There are k_disk_names_max of them at most;
// when one more is wanted, those go that no place has any more, and if they are few, those that
// were written longest ago.
//
// One thread adds and frees. Any other may read what a list is while it holds off that a place
// which has its number is removed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "edge/cache/disk_segment.h"

namespace moln::edge {

inline constexpr std::size_t k_disk_names_free_min = k_disk_names_max / 4;  // so many go at least

class DiskNames {
public:
    DiskNames();

    const std::string& operator[](std::size_t number) const { return lists_[number]; }
    // By number; those that are free are empty. The first is always empty: no Vary.
    std::span<const std::string> all() const { return {lists_.get(), count_}; }

    // Its number, which counts as written at `tick`: ticks do not fall. Nothing: free some first.
    std::optional<std::uint16_t> number_of(std::string_view list, std::uint64_t tick);
    // Which are to go, by number, when places[n] have number n: none of `tick` itself. Once no
    // place has any of them, free() them.
    std::vector<bool> choose(std::span<const std::size_t> places, std::uint64_t tick) const;
    void free(const std::vector<bool>& chosen);

private:
    struct Use {
        bool taken = false;
        std::uint64_t tick = 0;
    };
    std::unique_ptr<std::string[]> lists_;
    std::vector<Use> uses_;
    std::size_t count_ = 1;  // of those that were ever taken
};

}  // namespace moln::edge
