// The route table's meaning in its plainest form: the model that the compiled table is compared
// with in tests and fuzzing. Not for production code.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/routes.h"

namespace moln::http::testing {

struct OwnedRoute {
    std::string host;
    std::string path;
    std::uint32_t payload = 0;
};

inline std::vector<Route> views(const std::vector<OwnedRoute>& routes) {
    std::vector<Route> out;
    for (const OwnedRoute& route : routes) out.push_back({route.host, route.path, route.payload});
    return out;
}

// How specific a host pattern is for this host; nothing if it does not match. Exact beats all,
// then the longest wildcard, "*" last.
inline std::optional<std::size_t> host_rank(std::string_view pattern, std::string_view host) {
    if (pattern == host) return 1000;
    if (pattern == "*") return 0;
    if (!pattern.starts_with("*.")) return std::nullopt;
    const std::string_view suffix = pattern.substr(1);
    if (host.size() <= suffix.size() || !host.ends_with(suffix)) return std::nullopt;
    return suffix.size();
}

// Length of the prefix that matches; nothing if it does not.
inline std::optional<std::size_t> path_rank(std::string_view pattern, std::string_view path) {
    if (pattern.ends_with('/')) pattern.remove_suffix(1);
    if (!path.starts_with(pattern)) return std::nullopt;
    if (path.size() > pattern.size() && path[pattern.size()] != '/') return std::nullopt;
    return pattern.size();
}

inline std::optional<std::uint32_t> naive_find(const std::vector<OwnedRoute>& routes,
                                               std::string_view host, std::string_view path) {
    std::optional<std::uint32_t> best;
    std::pair<std::size_t, std::size_t> best_rank;
    for (const OwnedRoute& route : routes) {
        const auto by_host = host_rank(route.host, host);
        const auto by_path = path_rank(route.path, path);
        if (!by_host || !by_path) continue;
        const std::pair rank{*by_host, *by_path};
        if (best && rank <= best_rank) continue;
        best = route.payload;
        best_rank = rank;
    }
    return best;
}

}  // namespace moln::http::testing
