// Under what a request's answer is kept: its URL as the client asked for it, and the parts of it
// that purges name. Also where the fields of an answer to an unsafe request point.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "http/head.h"
#include "http/url.h"

namespace moln::edge {

// Entrance, host and port, target; the request's own limits keep it below.
inline constexpr std::size_t k_cache_key_bytes_max =
    http::HeadLimits{}.target_bytes_max + http::k_host_bytes_max + 48;

// Where the client came in, as the app is told in X-Forwarded-Proto and X-Forwarded-Port.
struct CacheEntrance {
    std::string_view scheme;
    std::uint16_t port = 0;  // 0: the scheme's own
};

// "https://shop.test:8443/a?b": the host in lower case, port, path and query as they came, so that
// what an app tells apart is told apart here; "https+8443://" for another port than the scheme's,
// which Host need not say. Nothing if it is beyond the limit.
std::optional<std::string_view> cache_key(const CacheEntrance& entrance,
                                          const http::RequestHead& request,
                                          std::span<char, k_cache_key_bytes_max> out);
// Spreads keys; the same for the same text and seed.
std::uint64_t cache_hash(std::string_view key, std::uint64_t seed);

// A URL by its parts, normalised as purges name them.
class CacheTarget {
public:
    // Nothing: the path climbs above its root or is too long.
    static std::optional<CacheTarget> of(const http::RequestHead& request);
    // Of `reference` as it stands in Location or Content-Location, seen from `base` (RFC 3986 5).
    // Nothing for another host's (RFC 9111 4.4) or one that is no URL.
    static std::optional<CacheTarget> of(std::string_view reference, const CacheTarget& base);
    // "http://shop.test/a?b" or "shop.test/a?b", as a user names it.
    static std::optional<CacheTarget> of(std::string_view url);

    std::string_view host() const { return {room_.data(), host_size_}; }
    std::string_view path() const { return {room_.data() + host_size_, path_size_}; }
    std::string_view query() const {
        return {room_.data() + host_size_ + path_size_ + 1, query_size_};
    }
    bool has_query() const { return has_query_; }
    // "host/path?query"
    std::string_view url() const {
        return {room_.data(), host_size_ + path_size_ + (has_query_ ? 1 + query_size_ : 0)};
    }

private:
    bool set(std::string_view host, std::string_view path, std::string_view query, bool has_query);

    std::array<char, k_cache_key_bytes_max> room_;
    std::size_t host_size_ = 0;
    std::size_t path_size_ = 0;
    std::size_t query_size_ = 0;
    bool has_query_ = false;
};

}  // namespace moln::edge
