// A compiled table of host and path routes: immutable, looked up without allocation from any
// number of threads. It maps to an index of the caller's; it knows nothing of apps.
//
// A host is exact ("shop.example.org"), a wildcard ("*.example.org": one or more labels before
// it) or "*". A path is a prefix by whole segments: "/api" matches /api and /api/x, not /apix;
// a slash at its end means nothing. The most specific host that has a matching path decides:
// exact, then wildcards from the longest, then "*"; within it the longest path.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace moln::http {

inline constexpr std::size_t k_routes_max = 1'000'000;
inline constexpr std::size_t k_route_path_bytes_max = 1024;

struct Route {
    std::string_view host;        // lower case, no port, no trailing dot
    std::string_view path = "/";  // normalised as by url.h
    std::uint32_t payload = 0;
};

class RouteTable {
public:
    // Invalid: a host or path that is none, or the same (host, path) twice. Order does not matter.
    static Result<RouteTable> compile(std::span<const Route> routes);

    RouteTable() = default;  // matches nothing

    // `host` and `path` normalised as by url.h. "*", of an OPTIONS request, is looked up as "/".
    std::optional<std::uint32_t> find(std::string_view host, std::string_view path) const;

    std::size_t size() const { return routes_; }

private:
    enum class HostKind : std::uint8_t { exact, wildcard };
    struct Text {  // of text_
        std::uint32_t at = 0;
        std::uint16_t size = 0;
    };
    struct Site {  // one host pattern
        std::uint64_t hash = 0;
        Text host;  // of a wildcard without "*."
        HostKind kind = HostKind::exact;
        bool has_root = false;           // it has a route "/"
        std::uint16_t segments_max = 0;  // of its longest path; 0: "/" is its only one
        std::uint32_t root_payload = 0;
    };
    struct Prefix {  // one path of one site, never "/"
        std::uint64_t hash = 0;
        std::uint32_t site = 0;
        std::uint32_t payload = 0;
        Text path;
    };
    // Open addressing with linear probing, at most half full. The tag is the upper half of the
    // hash, so that a probe rarely touches an entry that is not the one.
    struct Slot {
        std::uint32_t tag = 0;
        std::uint32_t index = k_free;
    };
    static constexpr std::uint32_t k_free = 0xffff'ffff;
    using Slots = std::vector<Slot>;

    std::string_view view(Text text) const { return {text_.data() + text.at, text.size}; }
    std::uint32_t find_site(HostKind kind, std::string_view host) const;
    std::uint32_t find_prefix(std::uint64_t hash, std::uint32_t site, std::string_view path) const;
    std::optional<std::uint32_t> find_path(std::uint32_t site, std::string_view path) const;
    Status add(const Route& route);
    std::uint32_t site_for(std::string_view host);
    bool add_prefix(std::uint32_t site, std::string_view path, std::uint32_t payload);
    Text keep(std::string_view text);

    std::string text_;
    std::vector<Site> sites_;
    Slots site_slots_;
    std::vector<Prefix> prefixes_;
    Slots prefix_slots_;
    std::size_t routes_ = 0;
    std::size_t wildcard_labels_max_ = 0;  // of the longest wildcard; 0: there is none
    std::uint32_t any_ = k_free;           // the site of "*"
};

}  // namespace moln::http
