// When purges were made, to tell whether what another edge has kept is older than one: that edge
// may not have heard of it yet, or never will. Pure: the times are given, of one clock that never
// goes back, in milliseconds.
//
// Of long ago purges it is forgotten in which order they came: what is older than all that are
// remembered is as if it were older than every purge there ever was. That costs a fetch and is
// never wrong.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

namespace moln::edge {

inline constexpr std::size_t k_purge_times_max = 1024;  // that are remembered one by one

class PurgeTimes {
public:
    // The generation (of a PurgeBook) `before` ended then, with a purge; 0: whatever was purged at
    // any time counts as purged then. Times do not fall.
    void note(std::uint64_t before, std::int64_t at_ms);
    // In which generation was born what came from the app then? Nothing: later than every purge.
    std::optional<std::uint64_t> generation_at(std::int64_t born_ms) const;

private:
    struct Purge {
        std::uint64_t before = 0;
        std::int64_t at_ms = 0;
    };
    std::deque<Purge> purges_;  // by time
};

}  // namespace moln::edge
