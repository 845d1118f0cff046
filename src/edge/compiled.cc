#include "edge/compiled.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "edge/limits.h"
#include "http/url.h"

namespace moln::edge {
namespace {

bool is_ipv4(std::string_view text) {
    for (int part = 0; part < 4; ++part) {
        unsigned value = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        const auto digits = static_cast<std::size_t>(end - text.data());
        const bool leading_zero = digits > 1 && text.front() == '0';
        if (error != std::errc{} || value > 255 || digits > 3 || leading_zero) return false;
        text.remove_prefix(digits);
        if (part == 3) break;
        if (text.empty() || text.front() != '.') return false;
        text.remove_prefix(1);
    }
    return text.empty();
}

std::unexpected<Error> bad_app(const EdgeApp& app, std::string_view what) {
    return fail(ErrorCode::invalid,
                fmt::format("snapshot: app {} process {}: {}", app.app.text, app.process, what));
}

Status check_health(const EdgeApp& app, const HealthSpec& health) {
    if (health.interval.count < 0 || health.timeout.count <= 0) {
        return bad_app(app, "health interval and timeout must be positive");
    }
    if (health.kind == HealthKind::http && !http::is_path(health.path)) {
        return bad_app(app, fmt::format("health path \"{}\" is no path", health.path));
    }
    return {};
}

Status check_app(const EdgeApp& app) {
    if (app.hold_requests_max < 0) return bad_app(app, "hold_requests_max must be 0 or more");
    if (app.hold_limit.count < 0) return bad_app(app, "hold_limit must be 0 or more");
    MOLN_TRY(check_health(app, app.health));
    std::set<std::string_view> seen;
    for (const auto& endpoint : app.endpoints) {
        const auto& name = endpoint.instance.text;
        if (name.empty()) return bad_app(app, "an endpoint has no instance");
        if (endpoint.health) MOLN_TRY(check_health(app, *endpoint.health));
        if (!seen.insert(name).second) {
            return bad_app(app, fmt::format("instance {} is there twice", name));
        }
        if (!is_ipv4(endpoint.address) || endpoint.port == 0) {
            return bad_app(app, fmt::format("instance {}: {}:{} is no IPv4 address and port", name,
                                            endpoint.address, endpoint.port));
        }
    }
    return {};
}

using AppKey = std::pair<std::string_view, std::string_view>;
using AppIndex = std::map<AppKey, std::uint32_t>;

Result<AppIndex> index_apps(const std::vector<EdgeApp>& apps) {
    AppIndex index;
    std::size_t endpoints = 0;
    if (apps.size() > k_snapshot_apps_max) {
        return fail(ErrorCode::refused,
                    fmt::format("snapshot: more than {} apps", k_snapshot_apps_max));
    }
    for (const auto& app : apps) {
        MOLN_TRY(check_app(app));
        const auto at = static_cast<std::uint32_t>(index.size());
        if (!index.emplace(AppKey(app.app.text, app.process), at).second) {
            return bad_app(app, "is there twice");
        }
        endpoints += app.endpoints.size();
    }
    if (endpoints > k_snapshot_endpoints_max) {
        return fail(ErrorCode::refused,
                    fmt::format("snapshot: more than {} endpoints", k_snapshot_endpoints_max));
    }
    return index;
}

}  // namespace

Result<CompiledSnapshot> compile(EdgeSnapshot snapshot) {
    MOLN_ASSIGN(const auto index, index_apps(snapshot.apps));
    std::vector<http::Route> routes;
    routes.reserve(snapshot.routes.size());
    std::vector<RouteTarget> targets;
    targets.reserve(snapshot.routes.size());
    std::vector<std::string> probe_hosts(snapshot.apps.size());
    for (const auto& route : snapshot.routes) {
        const auto found = index.find(AppKey(route.app.text, route.process));
        if (found == index.end()) {
            return fail(ErrorCode::invalid,
                        fmt::format("snapshot: route {}{} leads to app {} process {}, which is not "
                                    "in the snapshot",
                                    route.host, route.path, route.app.text, route.process));
        }
        routes.push_back({route.host, route.path, static_cast<std::uint32_t>(targets.size())});
        targets.push_back({.app = found->second,
                           .redirect = route.redirect,
                           .hsts_s = static_cast<std::uint32_t>(std::clamp<std::int64_t>(
                               route.hsts.count / 1000, 0, k_hsts_s_max))});
        auto& probe_host = probe_hosts[found->second];
        if (probe_host.empty() && !route.host.starts_with('*')) probe_host = route.host;
    }
    auto table = http::RouteTable::compile(routes);
    if (!table) return fail_in("snapshot", table.error());
    auto challenges = ChallengeAnswers::compile(snapshot.challenges);
    if (!challenges) return fail_in("snapshot", challenges.error());
    return CompiledSnapshot{.version = snapshot.version,
                            .epoch = snapshot.epoch,
                            .apps = std::move(snapshot.apps),
                            .probe_hosts = std::move(probe_hosts),
                            .targets = std::move(targets),
                            .routes = std::move(*table),
                            .challenges = std::move(*challenges)};
}

StampOrder compare(SnapshotStamp current, SnapshotStamp offered) {
    if (offered == current) return StampOrder::same;
    if (offered.epoch != current.epoch) {
        return offered.epoch > current.epoch ? StampOrder::newer : StampOrder::older;
    }
    return offered.version > current.version ? StampOrder::newer : StampOrder::older;
}

}  // namespace moln::edge
