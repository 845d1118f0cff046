// "Did you mean …": the known word that a mistyped one is nearest to.
#pragma once

#include <span>
#include <string_view>

namespace moln {

// The word of `known` at the smallest edit distance, "" if none is within two edits (one for
// words of up to three letters).
std::string_view nearest(std::string_view word, std::span<const std::string_view> known);

}  // namespace moln
