#include "http/routes.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include <fmt/format.h>

#include "http/url.h"

namespace moln::http {
namespace {

constexpr std::uint64_t k_odd = 0x9e37'79b9'7f4a'7c15;

std::uint64_t mix(std::uint64_t hash, std::uint64_t word) {
    hash = (hash ^ word) * k_odd;
    return hash ^ (hash >> 29);
}

std::uint64_t hash_text(std::uint64_t hash, std::string_view text) {
    hash = mix(hash, text.size());
    while (text.size() >= 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, text.data(), 8);
        hash = mix(hash, word);
        text.remove_prefix(8);
    }
    if (!text.empty()) {
        std::uint64_t word = 0;
        std::memcpy(&word, text.data(), text.size());
        hash = mix(hash, word);
    }
    return mix(hash, 0);
}

std::uint32_t tag_of(std::uint64_t hash) {
    return static_cast<std::uint32_t>(hash >> 32);
}

// Calls visit(hash, end) for each prefix of whole segments, shortest first: "/a" and "/a/b" of
// "/a/b/c" for two of them. Stops when visit says so or the path ends.
template <typename Visit>
void for_each_prefix(std::uint64_t seed, std::string_view path, std::size_t segments_max,
                     Visit&& visit) {
    std::uint64_t hash = seed;
    std::size_t begin = 0;
    for (std::size_t i = 0; i < segments_max && begin < path.size(); ++i) {
        const std::size_t end = std::min(path.find('/', begin + 1), path.size());
        hash = hash_text(hash, path.substr(begin + 1, end - begin - 1));
        visit(hash, end);
        begin = end;
    }
}

std::uint64_t site_seed(std::uint32_t site) {
    return mix(k_odd, site);
}

std::string_view without_last_slash(std::string_view path) {
    if (path.ends_with('/')) path.remove_suffix(1);
    return path;
}

bool is_route_host(std::string_view host) {
    if (host == "*") return true;
    if (host.starts_with("*.")) host.remove_prefix(2);
    if (host.ends_with('.')) return false;
    for (const char c : host) {
        if (c >= 'A' && c <= 'Z') return false;
    }
    if (!host.starts_with('[')) return is_host_name(host);
    const auto literal = parse_authority(host);
    return literal && !literal->port;
}

bool is_route_path(std::string_view path) {
    if (path.size() > k_route_path_bytes_max || !is_path(path)) return false;
    if (path.find("//") != std::string_view::npos) return false;
    std::string normal(path.size(), '\0');
    return normalise_path(path, normal) == path;
}

}  // namespace

Result<RouteTable> RouteTable::compile(std::span<const Route> routes) {
    if (routes.size() > k_routes_max) {
        return fail(ErrorCode::refused,
                    fmt::format("{} routes are more than {}", routes.size(), k_routes_max));
    }
    RouteTable table;
    const std::size_t slots = std::bit_ceil(routes.size() * 2 + 1);
    table.site_slots_.resize(slots);
    table.prefix_slots_.resize(slots);
    for (const Route& route : routes) MOLN_TRY(table.add(route));
    table.routes_ = routes.size();
    return table;
}

Status RouteTable::add(const Route& route) {
    if (!is_route_host(route.host)) {
        return fail(ErrorCode::invalid,
                    fmt::format("route host '{}' is not a lower-case host name, '*.' and one, or "
                                "'*'",
                                route.host));
    }
    if (!is_route_path(route.path)) {
        return fail(ErrorCode::invalid,
                    fmt::format("route path '{}' of host '{}' is not a normal path of at most {} "
                                "bytes beginning with '/'",
                                route.path, route.host, k_route_path_bytes_max));
    }
    const std::uint32_t site = site_for(route.host);
    const std::string_view path = without_last_slash(route.path);
    bool added = true;
    if (path.empty()) {
        added = !sites_[site].has_root;
        sites_[site].has_root = true;
        sites_[site].root_payload = route.payload;
    } else {
        added = add_prefix(site, path, route.payload);
    }
    if (added) return {};
    return fail(ErrorCode::invalid,
                fmt::format("route '{}{}' is there twice", route.host, route.path));
}

RouteTable::Text RouteTable::keep(std::string_view text) {
    const Text kept{static_cast<std::uint32_t>(text_.size()),
                    static_cast<std::uint16_t>(text.size())};
    text_ += text;
    return kept;
}

std::uint32_t RouteTable::site_for(std::string_view host) {
    const auto fresh = static_cast<std::uint32_t>(sites_.size());
    if (host == "*") {
        if (any_ != k_free) return any_;
        sites_.emplace_back();
        return any_ = fresh;
    }
    const HostKind kind = host.starts_with("*.") ? HostKind::wildcard : HostKind::exact;
    if (kind == HostKind::wildcard) host.remove_prefix(2);
    const std::uint32_t known = find_site(kind, host);
    if (known != k_free) return known;
    Site site;
    site.hash = hash_text(static_cast<std::uint64_t>(kind), host);
    site.kind = kind;
    site.host = keep(host);
    sites_.push_back(site);
    std::size_t at = site.hash & (site_slots_.size() - 1);
    while (site_slots_[at].index != k_free) at = (at + 1) & (site_slots_.size() - 1);
    site_slots_[at] = {tag_of(site.hash), fresh};
    if (kind == HostKind::wildcard) {
        const auto labels = static_cast<std::size_t>(std::ranges::count(host, '.')) + 1;
        wildcard_labels_max_ = std::max(wildcard_labels_max_, labels);
    }
    return fresh;
}

bool RouteTable::add_prefix(std::uint32_t site, std::string_view path, std::uint32_t payload) {
    const auto segments = static_cast<std::uint16_t>(std::ranges::count(path, '/'));
    Prefix prefix;
    prefix.site = site;
    prefix.payload = payload;
    for_each_prefix(site_seed(site), path, segments,
                    [&](std::uint64_t hash, std::size_t) { prefix.hash = hash; });
    if (find_prefix(prefix.hash, site, path) != k_free) return false;
    prefix.path = keep(path);
    std::size_t at = prefix.hash & (prefix_slots_.size() - 1);
    while (prefix_slots_[at].index != k_free) at = (at + 1) & (prefix_slots_.size() - 1);
    prefix_slots_[at] = {tag_of(prefix.hash), static_cast<std::uint32_t>(prefixes_.size())};
    prefixes_.push_back(prefix);
    sites_[site].segments_max = std::max(sites_[site].segments_max, segments);
    return true;
}

std::uint32_t RouteTable::find_site(HostKind kind, std::string_view host) const {
    const std::uint64_t hash = hash_text(static_cast<std::uint64_t>(kind), host);
    const std::size_t mask = site_slots_.size() - 1;
    for (std::size_t at = hash & mask; site_slots_[at].index != k_free; at = (at + 1) & mask) {
        if (site_slots_[at].tag != tag_of(hash)) continue;
        const Site& site = sites_[site_slots_[at].index];
        if (site.kind == kind && view(site.host) == host) return site_slots_[at].index;
    }
    return k_free;
}

std::uint32_t RouteTable::find_prefix(std::uint64_t hash, std::uint32_t site,
                                      std::string_view path) const {
    const std::size_t mask = prefix_slots_.size() - 1;
    for (std::size_t at = hash & mask; prefix_slots_[at].index != k_free; at = (at + 1) & mask) {
        if (prefix_slots_[at].tag != tag_of(hash)) continue;
        const Prefix& prefix = prefixes_[prefix_slots_[at].index];
        if (prefix.site == site && view(prefix.path) == path) return prefix_slots_[at].index;
    }
    return k_free;
}

std::optional<std::uint32_t> RouteTable::find_path(std::uint32_t index,
                                                   std::string_view path) const {
    const Site& site = sites_[index];
    std::optional<std::uint32_t> found;
    if (site.has_root) found = site.root_payload;
    for_each_prefix(site_seed(index), path, site.segments_max,
                    [&](std::uint64_t hash, std::size_t end) {
                        const std::uint32_t prefix = find_prefix(hash, index, path.substr(0, end));
                        if (prefix != k_free) found = prefixes_[prefix].payload;
                    });
    return found;
}

std::optional<std::uint32_t> RouteTable::find(std::string_view host, std::string_view path) const {
    if (path == "*") path = "/";
    if (sites_.empty() || !path.starts_with('/')) return std::nullopt;
    if (const std::uint32_t site = find_site(HostKind::exact, host); site != k_free) {
        if (const auto found = find_path(site, path)) return found;
    }
    if (wildcard_labels_max_ > 0) {
        auto labels = static_cast<std::size_t>(std::ranges::count(host, '.'));  // of the suffix
        for (std::size_t dot = host.find('.'); dot != std::string_view::npos;
             dot = host.find('.', dot + 1), --labels) {
            if (labels > wildcard_labels_max_ || dot == 0) continue;
            const std::uint32_t site = find_site(HostKind::wildcard, host.substr(dot + 1));
            if (site == k_free) continue;
            if (const auto found = find_path(site, path)) return found;
        }
    }
    if (any_ != k_free) return find_path(any_, path);
    return std::nullopt;
}

}  // namespace moln::http
