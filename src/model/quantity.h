// Sizes and durations as people write them, in moln.toml and on the command line. The formatted
// text is exact: parsing it gives the same value back. Not for tables that round for the eye.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/units.h"

namespace moln {

// "512M", "1GiB", "64k", "1048576": a whole number and K, M, G or T (powers of 1024, with or
// without "i" or "iB", any case); without a unit, bytes. "512MB" is refused as ambiguous.
Result<Bytes> parse_size(std::string_view text);

// "250ms", "30s", "5m", "2h", "7d", or several, longest unit first: "1h30m". A number without a
// unit is refused.
Result<Milliseconds> parse_duration(std::string_view text);

// The largest unit that divides the size: "512M", "1G", "1000".
std::string format_size(Bytes size);

// "1h30m", "250ms", "0s". Of a negative duration: a minus sign, then that of its amount.
std::string format_duration(Milliseconds duration);

}  // namespace moln
