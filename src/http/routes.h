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

    // `host` and `path` normalised as by url.h.
    std::optional<std::uint32_t> find(std::string_view host, std::string_view path) const;

    std::size_t size() const { return routes_; }

private:
    struct Site {  // one host pattern
        std::uint32_t text_at = 0;
        std::uint16_t text_size = 0;
        bool has_root = false;      // a route "/"
        std::uint32_t root = 0;     // its payload
        std::uint32_t deepest = 0;  // segments of its longest path
        std::uint64_t hash = 0;
    };
    struct PathEntry {
        std::uint64_t hash = 0;
        std::uint32_t site = 0;
        std::uint32_t text_at = 0;
        std::uint32_t text_size = 0;
        std::uint32_t payload = 0;
    };

    const Site* find_site(std::string_view host, std::uint64_t hash) const;
    std::optional<std::uint32_t> find_path(const Site& site, std::string_view path) const;
    Status add(const Route& route);
    void index();

    std::string text_;
    std::vector<Site> sites_;
    std::vector<std::uint32_t> site_slots_;  // open addressing; k_free or an index of sites_
    std::vector<PathEntry> paths_;
    std::vector<std::uint32_t> path_slots_;
    std::size_t routes_ = 0;
    std::size_t wildcards_ = 0;
    const Site* any_ = nullptr;
};

}  // namespace moln::http
