// Hosts and paths as routing sees them. What is forwarded is always the validated original; the
// normalised view only chooses the route, so that no spelling of a path reaches another app than
// its plain spelling does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace moln::http {

inline constexpr std::size_t k_host_bytes_max = 255;  // RFC 1035 2.3.4

struct Authority {
    std::string_view host;  // an IPv6 literal keeps its brackets
    std::optional<std::uint16_t> port;
};
// host[:port] (RFC 3986 3.2.2 without userinfo). Refused: empty host, empty or zero port, port
// above 65535, percent-encoding, zone ids, IPvFuture, empty labels, anything but letters, digits,
// '-', '_' and '.'.
std::optional<Authority> parse_authority(std::string_view text);

// Lower case, without port and without one trailing dot, in `out`. `host` must have come from
// parse_authority.
std::string_view normalise_host(std::string_view host, std::span<char, k_host_bytes_max> out);

// Letters, digits, '-', '_', '.': see parse_authority. For names in configuration.
bool is_host_name(std::string_view text);

// Every '%' begins a triplet of two hex digits and none is %00; only bytes that head.h allows;
// begins with '/'.
bool is_path(std::string_view path);

// The path that routing uses: percent-encoded unreserved characters decoded, other triplets in
// upper case, "." and ".." segments resolved (RFC 3986 6.2.2). Empty segments stay. In `out`,
// which needs path.size() bytes and may begin where `path` does. Nothing if the path climbs above
// its root or does not begin with '/'.
std::optional<std::string_view> normalise_path(std::string_view path, std::span<char> out);

// The same as many servers read it: encoded slashes and backslashes are slashes, and several in a
// row are one. Both lead to the same route or to none: what a route asks of its requests holds
// however its app reads their paths.
std::optional<std::string_view> normalise_path_loosely(std::string_view path, std::span<char> out);

}  // namespace moln::http
