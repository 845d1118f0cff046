// HTTP dates (RFC 9110 5.6.7). Written as IMF-fixdate; read in all three formats.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "base/units.h"

namespace moln::http {

inline constexpr std::size_t k_date_bytes = 29;  // "Sun, 06 Nov 1994 08:49:37 GMT"

// Whole seconds, rounded down. From year 0 to 9999; beyond, the nearest that fits.
void format_date(WallTime time, std::span<char, k_date_bytes> out);

// `now` resolves the two-digit year of RFC 850: more than 50 years ahead means the past.
std::optional<WallTime> parse_date(std::string_view text, WallTime now);

}  // namespace moln::http
