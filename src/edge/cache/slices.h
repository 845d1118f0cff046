// An answer that is too long to be kept in one piece, or of which only ranges are asked, is kept in
// slices: aligned parts of one size, each a 206 of the app under a key of its own, so that each is
// fetched, evicted and written to the disk by itself. Purges hold for all, as they go by URL.
// Pure: which slice is asked for, and whether what came is one.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/units.h"
#include "edge/cache/target.h"
#include "http/head.h"
#include "http/range.h"

namespace moln::edge {

inline constexpr std::uint64_t k_slice_bytes = 1u << 20;
// That are looked for before who wants only what is cached is given any of them.
inline constexpr std::uint64_t k_slices_looked_for_max = 1024;

// Under which a slice is kept: no URL's own key has a blank. Nothing if it is beyond the limit.
std::optional<std::string_view> slice_key(std::string_view key, std::uint64_t number,
                                          std::span<char, k_cache_key_bytes_max> out);
// Under which it is noted that an app's answers cannot be kept in slices.
std::optional<std::string_view> unsliced_key(std::string_view key,
                                             std::span<char, k_cache_key_bytes_max> out);

constexpr std::uint64_t slice_of(std::uint64_t byte) {
    return byte / k_slice_bytes;
}
// The first to be asked for, before the length is known: the one where the range begins. Of the
// last so many bytes that is not known, and any slice tells it.
std::uint64_t first_slice(const std::optional<http::RangeWish>& wish);
// All that an answer to this request may be of.
http::ByteRange slices_of(const http::FieldTable& request, std::uint64_t total);
// What is asked of the app for it.
constexpr http::ByteRange slice_range(std::uint64_t number) {
    return {.first = number * k_slice_bytes, .last = (number + 1) * k_slice_bytes - 1};
}

// That two slices are of one representation is known by a strong validator (RFC 9110 15.3.7.3): the
// entity tag or, without one, a Last-Modified that is a minute older than the answer (8.8.2.2).
// Empty: there is none. `now` is for two-digit years.
std::string_view slice_validator(const http::FieldTable& response, WallTime now);

// What a 206 is, as a slice.
struct SliceFacts {
    std::uint64_t first = 0;
    std::uint64_t size = 0;
    std::uint64_t total = 0;     // of the whole
    std::string_view validator;  // view into the head
    friend bool operator==(const SliceFacts&, const SliceFacts&) = default;
};
// Nothing: it is not that slice, whole and with a validator.
std::optional<SliceFacts> slice_facts(const http::ResponseHead& response, std::uint64_t number,
                                      WallTime now);
// A 200 that is too long to be kept in one piece: can its slices be asked for?
bool may_have_slices(const http::ResponseHead& response, WallTime now);

}  // namespace moln::edge
