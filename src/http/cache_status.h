// The Cache-Status response field (RFC 9211): what the cache did with a request, for who looks.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace moln::http {

// Why a request went on to the origin. The enumerator is RFC 9211's word with '-' as '_'.
enum class CacheForward : std::uint8_t {
    none,       // it did not: a hit
    bypass,     // this cache does not answer for it
    method,     // its method is none that is answered from a cache
    uri_miss,   // nothing is stored under that URL
    vary_miss,  // something is, but for other request fields
    request,    // the request said so
    stale,      // what is stored is too old
    partial,    // only a part of it is stored
};

struct CacheStatus {
    CacheForward forward = CacheForward::none;
    std::optional<std::uint16_t> forward_status;  // that the origin answered, if not passed on
    std::optional<std::int64_t> ttl_s;            // fresh for so long; below 0: stale for so long
    bool stored = false;
    bool collapsed = false;        // waited for another request's answer
    std::string_view detail = {};  // a token
};

inline constexpr std::size_t k_cache_status_bytes_max = 128;

// "moln; hit; ttl=59". In `out`.
std::string_view format_cache_status(const CacheStatus& status,
                                     std::span<char, k_cache_status_bytes_max> out);

}  // namespace moln::http
