// Cache-Control of requests and responses, and the fields that stand in for it at a shared cache:
// CDN-Cache-Control (RFC 9213) and the older Surrogate-Control. What they mean for a stored
// response is decided in edge/cache.
//
// Where the RFCs leave a choice the reading that reuses less is taken: a lifetime that is no number
// is 0, of two the shorter counts, private="name" is private. A name is any case; a quoted number
// is a number; a directive that is not known is passed over.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "http/head.h"

namespace moln::http {

// RFC 9111 1.2.2: what is longer is this long.
inline constexpr std::uint32_t k_delta_seconds_max = 0x8000'0000u;
// Of no-cache="a, b": field lists kept. One more, and all of the response must be validated.
inline constexpr std::size_t k_no_cache_lists_max = 4;
// All lines of one structured field together. A longer field is ignored as one that is broken.
inline constexpr std::size_t k_targeted_bytes_max = 2048;

struct CacheControl {
    bool present = false;  // there is at least one directive
    bool no_store = false;
    bool no_cache = false;
    bool only_if_cached = false;
    bool is_private = false;
    bool is_public = false;
    bool must_revalidate = false;
    bool proxy_revalidate = false;
    bool must_understand = false;
    bool no_transform = false;
    std::optional<std::uint32_t> max_age;
    std::optional<std::uint32_t> s_maxage;
    std::optional<std::uint32_t> max_stale;  // without a value: k_delta_seconds_max
    std::optional<std::uint32_t> min_fresh;
    std::optional<std::uint32_t> stale_while_revalidate;  // RFC 5861
    std::optional<std::uint32_t> stale_if_error;
    // Comma lists of field names that no-cache names; views into what was read.
    std::array<std::string_view, k_no_cache_lists_max> no_cache_lists;
    std::size_t no_cache_list_count = 0;
};

// Adds what one field line says.
void read_cache_control(std::string_view line, CacheControl& control);
// All lines of Cache-Control.
CacheControl cache_control_of(const FieldTable& fields);

// Surrogate-Control (W3C edge architecture note): a directive may be meant for one surrogate, by
// `;name`. Those for others than `us` are passed over.
CacheControl surrogate_control_of(const FieldTable& fields, std::string_view us);

// CDN-Cache-Control: a dictionary of RFC 8941. Nothing when there is none, it is empty or it is
// not well-formed: then the field counts as absent (RFC 9213 2.1). A lifetime of another type than
// Integer, or below 0, is 0.
std::optional<CacheControl> cdn_cache_control_of(const FieldTable& fields);

}  // namespace moln::http
