#include "sim/story.h"

#include <algorithm>
#include <cstdio>

#include <fmt/format.h>

namespace moln::sim {

void Story::tell(std::string_view line) {
    const auto ms = timeline_.now().mono.ms;
    auto text = fmt::format("{:>9}.{:03} {}", ms / 1000, ms % 1000, line);
    for (const char c : text) {
        hash_ = (hash_ ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
    }
    if (printing_) std::fprintf(stderr, "%s\n", text.c_str());
    lines_.push_back(std::move(text));
    if (lines_.size() > k_story_lines_kept) lines_.pop_front();
}

std::string Story::last_lines(std::size_t count) const {
    std::string text;
    const auto skip = lines_.size() - std::min(count, lines_.size());
    for (auto i = skip; i < lines_.size(); ++i) text += lines_[i] + "\n";
    return text;
}

}  // namespace moln::sim
