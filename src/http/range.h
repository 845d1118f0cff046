// Byte ranges (RFC 9110 14): which part of a representation a request asks for, and how the part
// is named in the answer. One range a request: several are answered with the whole, as 14.2 allows,
// so that a cache is not made to shuffle bytes for who asks for the same ones a thousand times.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "http/head.h"

namespace moln::http {

struct ByteRange {
    std::uint64_t first = 0;
    std::uint64_t last = 0;  // included
    friend bool operator==(const ByteRange&, const ByteRange&) = default;
    std::uint64_t size() const { return last - first + 1; }
};

// "bytes=0-99" before the length is known.
struct RangeWish {
    std::optional<std::uint64_t> first;  // none: the last `last` bytes
    std::optional<std::uint64_t> last;   // none: to the end
    friend bool operator==(const RangeWish&, const RangeWish&) = default;
};
// Nothing for another unit, several ranges, no syntax of one, or last before first: all is sent.
std::optional<RangeWish> parse_range(std::string_view value);
// The single Range of a request.
std::optional<RangeWish> range_of(const FieldTable& request);

// What is asked of `length` bytes; nothing when it is beyond them: 416.
std::optional<ByteRange> resolve(const RangeWish& wish, std::uint64_t length);

// "bytes 0-99/1234". Nothing for any other syntax, an unknown length or a range beyond it.
struct ContentRange {
    ByteRange range;
    std::uint64_t length = 0;
    friend bool operator==(const ContentRange&, const ContentRange&) = default;
};
std::optional<ContentRange> parse_content_range(std::string_view value);

inline constexpr std::size_t k_content_range_bytes_max = 6 + 3 * 20 + 2;
// The text is in `out`.
std::string_view format_content_range(const ContentRange& range,
                                      std::span<char, k_content_range_bytes_max> out);
// "bytes */1234", of a 416.
std::string_view format_unsatisfied_range(std::uint64_t length,
                                          std::span<char, k_content_range_bytes_max> out);

}  // namespace moln::http
