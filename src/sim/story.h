// What happened in a simulation: a fingerprint of every line in order, and the last lines for
// people when something went wrong.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "sim/timeline.h"

namespace moln::sim {

inline constexpr std::size_t k_story_lines_kept = 400;

class Story {
public:
    explicit Story(const Timeline& timeline) : timeline_(timeline) {}

    void tell(std::string_view line);
    void print_all() { printing_ = true; }
    std::uint64_t fingerprint() const { return hash_; }
    std::string last_lines(std::size_t count) const;

private:
    const Timeline& timeline_;
    std::deque<std::string> lines_;
    std::uint64_t hash_ = 0xcbf29ce484222325ull;  // FNV-1a
    bool printing_ = false;
};

}  // namespace moln::sim
