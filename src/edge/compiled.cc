#include "edge/compiled.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "edge/compile_parts.h"
#include "edge/compiler.h"
#include "edge/limits.h"
#include "edge/preference.h"
#include "http/url.h"
#include "model/client_cert.h"
#include "model/forward_auth.h"
#include "model/limits.h"
#include "model/site.h"
#include "model/traffic_limits.h"

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

}  // namespace

Status check_app(const EdgeApp& app) {
    if (app.hold_requests_max < 0) return bad_app(app, "hold_requests_max must be 0 or more");
    if (app.hold_limit.count < 0) return bad_app(app, "hold_limit must be 0 or more");
    if (app.slow_start.count < 0) return bad_app(app, "slow_start must be 0 or more");
    if (app.replay < Bytes{0} || app.replay > k_replay_max) {
        return bad_app(app, "replay must be 0 to 1 GiB");
    }
    if (app.answer_timeout.count <= 0 || app.answer_timeout > k_answer_timeout_max) {
        return bad_app(app, "answer_timeout must be more than 0 and at most a day");
    }
    if (auto valid = validate_canary(app.canary); !valid) return bad_app(app, valid.error().reason);
    if (app.maintenance) {
        auto valid = validate_maintenance(*app.maintenance);
        if (!valid) return bad_app(app, valid.error().reason);
    }
    if (app.site && !is_site_name(app.site->name)) {
        return bad_app(app, fmt::format("\"{}\" is no site", app.site->name));
    }
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

namespace {

// Who may come in, and how many.
Status let_in(RouteTarget& target, const EdgeRoute& route, const AppPlaces& apps) {
    const auto bad = [&](std::string_view field, const Error& error) {
        return fail_in(fmt::format("snapshot: route {}{}: {}", route.host, route.path, field),
                       error);
    };
    if (route.rate) {
        if (auto valid = validate_rate(*route.rate); !valid) return bad("rate", valid.error());
        if (route.rate->client) target.client_rate = rate_rule(*route.rate->client);
        if (route.rate->route) target.route_rate = rate_rule(*route.rate->route);
    }
    if (route.auth) {
        if (auto valid = validate_auth(*route.auth); !valid) return bad("auth", valid.error());
        target.auth = route.auth;
    }
    if (!route.forward_auth) return {};
    const ForwardAuthSpec& said = *route.forward_auth;
    if (auto valid = validate_forward_auth(said); !valid) return bad("forward_auth", valid.error());
    const auto found = apps.find(EdgeAppKey{route.app, said.process});
    target.forward_auth = {
        .app = std::nullopt, .path = said.path, .copy = said.copy, .not_asked = said.copy};
    if (found != apps.end()) target.forward_auth->app = found->second;
    for (const auto* name : {"X-Forwarded-Method", "X-Forwarded-Uri"}) {
        target.forward_auth->not_asked.emplace_back(name);
    }
    return {};
}

std::unexpected<Error> bad_stream(const EdgeStream& stream, std::string_view what) {
    return fail(ErrorCode::invalid,
                fmt::format("snapshot: stream {} {}: {}", stream.listen, stream.host, what));
}

Status check_stream(const EdgeStream& stream, const Listen& listen) {
    const bool udp = listen.protocol == Protocol::udp;
    if (udp && (stream.host != "*" || stream.accept_proxy)) {
        return bad_stream(stream, "names and PROXY headers are of tcp alone");
    }
    if (stream.idle.count < 0) return bad_stream(stream, "idle must be 0 or more");
    return {};
}

Result<StreamListen> compile_listen(const Listen& listen,
                                    const std::vector<const EdgeStream*>& streams,
                                    const AppPlaces& places) {
    StreamListen out{.listen = listen, .accept_proxy = streams.front()->accept_proxy};
    std::vector<http::Route> routes;
    for (const EdgeStream* stream : streams) {
        MOLN_TRY(check_stream(*stream, listen));
        const auto app = places.find(*stream);
        if (app == places.end()) {
            return bad_stream(*stream, fmt::format("leads to app {} process {}, which is not in "
                                                   "the snapshot",
                                                   stream->app.text, stream->process));
        }
        if (stream->accept_proxy != out.accept_proxy) {
            return bad_stream(*stream, "accept_proxy must be the same for all of one listen");
        }
        if (stream->host != "*") out.by_name = true;
        routes.push_back({stream->host, "/", static_cast<std::uint32_t>(out.targets.size())});
        out.targets.push_back({.app = app->second,
                               .port = stream->port,
                               .send_proxy = stream->send_proxy,
                               .idle = stream->idle,
                               .keep_source = stream->keep_source});
    }
    auto names = http::RouteTable::compile(routes);
    if (!names) return fail_in("snapshot: stream " + listen.text(), names.error());
    out.names = std::move(*names);
    return out;
}

}  // namespace

Result<std::vector<StreamListen>> compile_streams(const std::vector<EdgeStream>& streams,
                                                  const AppPlaces& places) {
    std::map<Listen, std::vector<const EdgeStream*>> by_listen;
    for (const auto& stream : streams) {
        const auto listen = parse_listen(stream.listen);
        if (!listen) return bad_stream(stream, listen.error().reason);
        by_listen[*listen].push_back(&stream);
    }
    if (by_listen.size() > k_listens_max) {
        return fail(ErrorCode::refused,
                    fmt::format("snapshot: streams listen on more than {} ports", k_listens_max));
    }
    std::vector<StreamListen> out;
    for (const auto& [listen, members] : by_listen) {
        MOLN_ASSIGN(auto one, compile_listen(listen, members, places));
        out.push_back(std::move(one));
    }
    return out;
}

Status AuthorityTexts::add(RouteTarget& target, const EdgeRoute& route) {
    if (!route.client_cert) return {};
    if (auto valid = validate_client_cert(*route.client_cert); !valid) {
        return fail_in(fmt::format("snapshot: route {}{}: client_cert", route.host, route.path),
                       valid.error());
    }
    const auto next = static_cast<std::uint32_t>(texts.size());
    const auto known = index_.try_emplace(route.client_cert->ca, next);
    if (known.second) texts.push_back(route.client_cert->ca);
    const auto at = known.first->second;
    target.client_cert = {.authorities = at, .need = route.client_cert->need};
    asking.emplace_back(route.host, at);
    return {};
}

Result<std::vector<IpNetwork>> compile_allowed(const EdgeApp& app) {
    std::vector<IpNetwork> allowed;
    if (!app.maintenance) return allowed;
    for (const auto& text : app.maintenance->allow) {
        MOLN_ASSIGN(const auto network, parse_network(text));
        allowed.push_back(network);
    }
    return allowed;
}

Result<RouteTarget> compile_target(const EdgeRoute& route, const AppPlaces& places) {
    const auto found = places.find(route);
    if (found == places.end()) {
        return fail(ErrorCode::invalid,
                    fmt::format("snapshot: route {}{} leads to app {} process {}, which is not in "
                                "the snapshot",
                                route.host, route.path, route.app.text, route.process));
    }
    RouteTarget target{.app = found->second,
                       .redirect = route.redirect,
                       .hsts_s = static_cast<std::uint32_t>(
                           std::clamp<std::int64_t>(route.hsts.count / 1000, 0, k_hsts_s_max)),
                       .cache = route.cache,
                       .scope = balance_key(route.host + " " + route.path)};
    MOLN_TRY(let_in(target, route, places));
    return target;
}

const StreamTarget* StreamListen::find(std::string_view name) const {
    const auto found = names.find(name, "/");
    return found ? &targets[*found] : nullptr;
}

const StreamListen* CompiledSnapshot::find(const Listen& listen) const {
    const auto found = std::ranges::lower_bound(*streams, listen, {}, &StreamListen::listen);
    return found != streams->end() && found->listen == listen ? &*found : nullptr;
}

Result<CompiledSnapshot> compile(EdgeSnapshot snapshot) {
    Compiler compiler;
    MOLN_TRY(compiler.take(std::move(snapshot)));
    return compiler.compiled();
}

StampOrder compare(SnapshotStamp current, SnapshotStamp offered) {
    if (offered == current) return StampOrder::same;
    if (offered.epoch != current.epoch) {
        return offered.epoch > current.epoch ? StampOrder::newer : StampOrder::older;
    }
    return offered.version > current.version ? StampOrder::newer : StampOrder::older;
}

}  // namespace moln::edge
