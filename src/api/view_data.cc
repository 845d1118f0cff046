#include <algorithm>

#include <fmt/format.h>

#include "api/view.h"
#include "model/certificate.h"
#include "model/route.h"

namespace moln::api {
namespace {

std::string reset_text(const Volume& volume) {
    switch (volume.lifetime) {
        case Lifetime::instance:
            return "kept when its instance crashes; goes to the trash with its instance";
        case Lifetime::app:
            return "kept by restarts and releases; goes to the trash when the app is removed";
        case Lifetime::independent: break;
    }
    return "kept until `moln volume rm`, even when the app is removed";
}

// A listening address as one of this machine connects to it.
std::string reachable_here(const std::string& listen) {
    const auto colon = listen.rfind(':');
    auto host = listen.substr(0, colon);
    if (host == "0.0.0.0" || host == "[::]") host = "127.0.0.1";
    return host + listen.substr(colon);
}

// Where the first edge that listens is reached from this machine: "127.0.0.1:8080".
std::string edge_authority(const World& world, UrlScheme scheme) {
    for (const auto& [node, edge] : world.edges) {
        const auto& report = edge.report;
        const auto& listens = scheme == UrlScheme::https ? report.tls_listens : report.listens;
        if (!edge.connected || listens.empty()) continue;
        if (listens.front().find(':') == std::string::npos) continue;
        return reachable_here(listens.front());
    }
    return "";
}

// What the first edge that has an opinion says of a `listen`.
EdgeListenReport listen_seen(const World& world, const std::string& listen) {
    for (const auto& [node, edge] : world.edges) {
        if (!edge.connected) continue;
        for (const auto& seen : edge.report.streams) {
            if (seen.listen == listen) return seen;
        }
    }
    return {};
}

RouteView stream_view(const World& world, const AppId& app, const RouteSpec& route,
                      RouteOrigin origin) {
    RouteView view{.app = app,
                   .host = route.host,
                   .path = route.path,
                   .process = route.process,
                   .origin = origin,
                   .listen = route.listen,
                   .port = route.port,
                   .accept_proxy = route.accept_proxy,
                   .send_proxy = route.send_proxy,
                   .idle = route.idle,
                   .keep_source = route.keep_source};
    const auto seen = listen_seen(world, route.listen);
    view.problem = seen.problem;
    if (!seen.addresses.empty()) {
        const auto protocol = route.listen.substr(0, route.listen.find(':'));
        const bool named = route.host != "*" && !route.host.starts_with("*.");
        const auto& address = seen.addresses.front();
        view.url = fmt::format(
            "{}://{}", protocol,
            named ? route.host + address.substr(address.rfind(':')) : reachable_here(address));
    }
    return view;
}

RouteView route_view(const World& world, const AppId& app, const RouteSpec& route,
                     RouteOrigin origin) {
    if (is_stream(route)) return stream_view(world, app, route, origin);
    RouteView view{.app = app,
                   .host = route.host,
                   .path = route.path,
                   .process = route.process,
                   .origin = origin,
                   .https = route.https,
                   .hsts = route.hsts,
                   .cache = route.cache,
                   .rate = route.rate};
    view.forward_auth = route.forward_auth;
    if (route.auth) {
        for (const auto& user : route.auth->users) view.users.emplace_back(user_name(user));
    }
    if (route.client_cert) view.client_cert = route.client_cert->need;
    const auto drawn = std::ranges::find_if(world.edge.routes, [&](const EdgeRoute& other) {
        return other.app == app && other.host == route.host && other.path == route.path;
    });
    view.redirect = drawn != world.edge.routes.end() && drawn->redirect;
    if (const auto* serving = serving_certificate(world.edge, route.host)) {
        view.certificate = serving->id;
    }
    if (view.redirect) view.url = route_url(world, route.host, route.path, UrlScheme::https);
    if (view.url.empty()) view.url = route_url(world, route.host, route.path);
    return view;
}

}  // namespace

std::string route_url(const World& world, const std::string& host, const std::string& path,
                      UrlScheme scheme) {
    const auto authority = edge_authority(world, scheme);
    if (authority.empty() || host.starts_with("*.")) return "";
    const auto colon = authority.rfind(':');
    const auto shown_host = host == "*" || host.empty() ? authority.substr(0, colon) : host;
    const bool tls = scheme == UrlScheme::https;
    const auto port =
        authority.substr(colon) == (tls ? ":443" : ":80") ? "" : authority.substr(colon);
    return fmt::format("{}://{}{}{}", enum_word(scheme), shown_host, port, path);
}

std::vector<RouteView> route_views(const World& world, const App& app) {
    // Of the release that serves, as the edge has them: another may be on its way, or be a canary.
    const auto* release = find_release(world, app.id, app.release_served);
    if (release == nullptr) release = find_release(world, app.id, app.release);
    static const AppConfig k_nothing;
    const auto& config = release == nullptr ? k_nothing : release->config;
    std::vector<RouteView> views;
    const auto add = [&](const RouteSpec& route, RouteOrigin origin) {
        auto& view = views.emplace_back(route_view(world, app.id, route, origin));
        if (release == nullptr) return;
        const auto why = route_problem(config, app.routes, route);
        if (!why.empty()) view.problem = why;
        const auto served = served_process(config, route.process);
        if (!served.empty()) view.process = served;
    };
    for (const auto& route : config.routes) {
        add(route, RouteOrigin::release);
        const auto over = [&](const RouteSpec& added) { return same_place(added, route); };
        if (std::ranges::any_of(app.routes, over)) {
            views.back().problem = "one that was added lies over it: `moln route rm` removes that";
        }
    }
    for (const auto& route : app.routes) add(route, RouteOrigin::added);
    for (const auto& route : world.edge.routes) {
        if (route.app != app.id) continue;
        const bool told = std::ranges::any_of(views, [&](const RouteView& view) {
            return view.listen.empty() && view.host == route.host && view.path == route.path;
        });
        RouteSpec spec{.host = route.host, .path = route.path, .process = route.process};
        spec.hsts = route.hsts;
        spec.cache = route.cache;
        spec.rate = route.rate;
        spec.auth = route.auth;
        spec.forward_auth = route.forward_auth;
        if (!told) views.push_back(route_view(world, app.id, spec, RouteOrigin::automatic));
    }
    return views;
}

VolumeView volume_view(const World& world, const Volume& volume) {
    VolumeView view;
    view.id = volume.id;
    view.app = volume.app;
    view.name = volume.name;
    view.lifetime = volume.lifetime;
    view.sharing = volume.sharing;
    view.node = volume.node;
    view.place = fmt::format("local disk of node {}", volume.node.text);
    view.size = volume.size;
    view.created = volume.created;
    view.reset_text = reset_text(volume);
    if (const auto node = world.nodes.find(volume.node); node != world.nodes.end()) {
        const auto used = node->second.volumes_used.find(volume.id);
        if (used != node->second.volumes_used.end()) view.used = used->second;
    }
    for (const auto& [id, instance] : world.instances) {
        if (std::ranges::count(instance.volumes, volume.id) > 0) view.held_by.push_back(id);
    }
    const auto app = world.apps.find(volume.app);
    if (app == world.apps.end()) return view;
    if (const auto* release = shown_release(world, app->second)) {
        const auto spec =
            std::ranges::find(release->config.volumes, volume.name, &VolumeSpec::name);
        if (spec != release->config.volumes.end()) view.path = spec->path;
    }
    return view;
}

std::vector<VolumeView> volume_views(const World& world, const AppFilter& filter) {
    std::vector<VolumeView> views;
    for (const auto& [id, volume] : world.volumes) {
        if (filter.takes(volume.app)) views.push_back(volume_view(world, volume));
    }
    std::ranges::stable_sort(views, [](const VolumeView& a, const VolumeView& b) {
        return std::tie(a.app, a.name) < std::tie(b.app, b.name);
    });
    return views;
}

TrashView trash_view(const TrashItem& item, const Now& now) {
    return {item.id,     item.kind, item.app,     item.what,
            item.node,   item.size, item.dropped, wall_of(item.expires, now),
            item.purging};
}

std::vector<TrashView> trash_views(const World& world, const AppFilter& filter, const Now& now) {
    std::vector<TrashView> views;
    for (const auto& [id, item] : world.trash) {
        if (filter.takes(item.app)) views.push_back(trash_view(item, now));
    }
    std::ranges::stable_sort(
        views, [](const TrashView& a, const TrashView& b) { return a.dropped > b.dropped; });
    return views;
}

}  // namespace moln::api
