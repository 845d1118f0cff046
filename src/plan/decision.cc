// What the families of commands share.
#include "plan/decision.h"

#include <algorithm>
#include <charconv>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "model/limits.h"
#include "model/listen.h"
#include "model/route.h"
#include "model/unknown.h"
#include "model/validate.h"
#include "model/words.h"
#include "plan/edge_view.h"
#include "plan/scope.h"
#include "plan/volumes.h"

namespace moln::plan {
namespace {

// Layers that wait in the trash are wanted again.
Status take_back_layers(Decision& d, const ImageRef& image) {
    for (const auto& [id, item] : d.world().trash) {
        if (item.kind != TrashKind::image) continue;
        const auto layers = layers_of(item);
        const bool needed = std::ranges::any_of(image.layers, [&](const auto& layer) {
            return std::ranges::find(layers, layer) != layers.end();
        });
        if (!needed || item.restoring) continue;
        if (item.purging || !item.settled) {
            return fail(ErrorCode::conflict,
                        fmt::format("layers of this image are just being moved in the trash ({}): "
                                    "try again in a moment",
                                    id.text));
        }
        TrashItem next = item;
        next.restoring = true;
        d.draft.put(std::move(next));
    }
    return {};
}

Status exclusive_fits(const App& app, const AppConfig& config, const VolumeSpec& volume) {
    if (volume.sharing == Sharing::shared || volume.lifetime == Lifetime::instance) return {};
    std::int64_t instances = 0;
    for (const auto& [name, process] : config.processes) {
        if (!mounts(volume, name)) continue;
        instances += process.kind == ProcessKind::cron ? 1 : asked_count(app, name, process);
    }
    if (instances <= 1) return {};
    return fail(ErrorCode::refused,
                fmt::format("{} instances of {} would mount the exclusive volume {}: scale to 1, "
                            "name one process in the volume's `processes`, or make it `shared` if "
                            "the app copes with several writers",
                            instances, app.id.text, volume.name));
}

}  // namespace

Result<App> app_to_change(const Decision& d, const AppId& id) {
    const auto* app = d.draft.app(id);
    if (app == nullptr) {
        return fail(ErrorCode::not_found, unknown_app(d.world(), id));
    }
    if (app->run == AppRun::removing) {
        return fail(ErrorCode::refused, fmt::format("{} is being removed: wait until it is in the "
                                                    "trash, then deploy or recover it",
                                                    id.text));
    }
    if (d.expected.generation && *d.expected.generation != app->generation) {
        return fail(ErrorCode::conflict,
                    fmt::format("{} has changed since: it is at generation {}, expected {}",
                                id.text, app->generation, *d.expected.generation));
    }
    return *app;
}

std::vector<const Release*> releases_at_hand(const Decision& d, const App& app) {
    std::vector<const Release*> releases;
    for (const auto number : {app.release_served, app.release}) {
        const auto* release = d.draft.release(app.id, number);
        if (release == nullptr || (!releases.empty() && releases.back() == release)) continue;
        releases.push_back(release);
    }
    return releases;
}

void change_app(Decision& d, App app, std::string text) {
    ++app.generation;
    d.reply.app = app.id;
    d.reply.generation = app.generation;
    d.reply.text = std::move(text);
    d.draft.put(std::move(app));
}

void begin_rollout(const Decision& d, App& app, std::int64_t release) {
    app.release = release;
    app.rollout = {.state = RolloutState::switching,
                   .from = app.release_served,
                   .to = release,
                   .began = d.now(),
                   .ended = {},
                   .reason = {}};
}

Result<std::int64_t> add_release(Decision& d, App& app, const ImageRef& image, AppConfig config,
                                 std::string description) {
    MOLN_TRY(take_back_layers(d, image));
    Release release{
        .app = app.id,
        .number = ++app.releases_made,
        .image = image,
        .config = std::move(config),
        .secrets = app.secrets,
        .description = std::move(description),
        .created = d.now(),
        .own_env = {},
    };
    release.own_env = release.config.env;
    for (const auto& [name, value] : app.env) release.config.env[name] = value;
    if (auto env = validate_env(release.config.env); !env) return fail_in("env", env.error());
    const auto number = release.number;
    d.reply.release = number;
    d.draft.put(std::move(release));
    return number;
}

Result<std::int64_t> renew_release(Decision& d, App& app, std::string description) {
    if (app.release == 0) return 0;
    const auto* base = d.draft.release(app.id, app.release);
    if (base == nullptr) return 0;
    AppConfig config = base->config;
    config.env = base->own_env;
    MOLN_ASSIGN(const auto number,
                add_release(d, app, base->image, std::move(config), std::move(description)));
    begin_rollout(d, app, number);
    return number;
}

Status fits(const Decision& d, const App& app, const AppConfig& config) {
    std::int64_t instances = 0;
    for (const auto& [name, process] : config.processes) {
        instances += asked_count(app, name, process);
    }
    if (instances > k_instances_per_app_max) {
        return fail(ErrorCode::refused,
                    fmt::format("{} would have {} instances: one app may have {}", app.id.text,
                                instances, k_instances_per_app_max));
    }
    for (const auto& volume : config.volumes) MOLN_TRY(exclusive_fits(app, config, volume));
    for (const auto& route : config.routes) {
        MOLN_TRY(route_is_free(d.world(), app.id, route));
        for (const auto& added : app.routes) {
            if (!same_place(route, added)) MOLN_TRY(begins_alike(route, added, app.id));
        }
    }
    return {};
}

namespace {

// Every route of an app that the edge has or is about to have.
template <typename Visit>
void each_route(const World& world, const AppId& id, const App& app, Visit visit) {
    for (const auto& route : app.routes) visit(route);
    const auto releases = world.releases.find(id);
    if (releases == world.releases.end()) return;
    for (const auto number : std::set{app.release, app.release_served}) {
        const auto release = releases->second.find(number);
        if (release == releases->second.end()) continue;
        for (const auto& route : release->second.config.routes) visit(route);
    }
}

std::uint16_t port_of(const std::string& address) {
    const auto colon = address.rfind(':');
    std::uint16_t port = 0;
    if (colon == std::string::npos) return port;
    std::from_chars(address.data() + colon + 1, address.data() + address.size(), port);
    return port;
}

// Where the edges themselves take requests.
Status not_the_edges_own(const World& world, const Listen& listen) {
    if (listen.protocol != Protocol::tcp) return {};
    for (const auto& [node, edge] : world.edges) {
        for (const auto* listens : {&edge.report.listens, &edge.report.tls_listens}) {
            for (const auto& address : *listens) {
                if (port_of(address) != listen.port) continue;
                return fail(ErrorCode::exists,
                            fmt::format("{}: the edge takes HTTP requests on {}; choose another "
                                        "port",
                                        listen.text(), address));
            }
        }
    }
    return {};
}

}  // namespace

Status begins_alike(const RouteSpec& route, const RouteSpec& other, const AppId& owner) {
    if (!is_stream(route) || route.listen != other.listen) return {};
    if (route.host != other.host && (route.keep_source || other.keep_source)) {
        return fail(ErrorCode::exists,
                    fmt::format("route {}: {} of {} is in the way: keep_source is for a port that "
                                "one route has alone",
                                route_words(route), route_words(other), owner.text));
    }
    if (route.accept_proxy == other.accept_proxy) return {};
    return fail(ErrorCode::exists,
                fmt::format("route {}: accept_proxy must be as for {} of {}: all connections of "
                            "one port begin alike",
                            route_words(route), route_words(other), owner.text));
}

Status route_is_free(const World& world, const AppId& app, const RouteSpec& route) {
    std::set<std::string> listens;
    Status status;
    for (const auto& [id, other] : world.apps) {
        each_route(world, id, other, [&](const RouteSpec& theirs) {
            if (is_stream(theirs)) listens.insert(theirs.listen);
            if (!status) return;
            if (id == app) return;
            if (same_place(route, theirs)) {
                status = fail(ErrorCode::exists,
                              fmt::format("route {} belongs to {}: remove it there or choose "
                                          "another",
                                          route_words(route), id.text));
            } else {
                status = begins_alike(route, theirs, id);
            }
        });
    }
    if (!status || !is_stream(route)) return status;
    MOLN_ASSIGN(const auto listen, parse_listen(route.listen));
    MOLN_TRY(not_the_edges_own(world, listen));
    listens.insert(route.listen);
    if (listens.size() > k_listens_max) {
        return fail(ErrorCode::refused,
                    fmt::format("route {}: all apps together listen on {} ports already: no more "
                                "are allowed",
                                route_words(route), k_listens_max));
    }
    return {};
}

// Files of a volume or of an app in the trash belong to their uids: those of this app's name are
// taken again, those of others are kept free.
std::int64_t choose_uid_base(const World& world, const AppId& app) {
    std::set<std::int64_t> taken;
    std::int64_t own = 0;
    const auto note = [&](const AppId& owner, std::int64_t base) {
        if (base == 0) return;
        if (owner == app) own = base;
        taken.insert(base);
    };
    for (const auto& [id, other] : world.apps) note(id, other.uid_base);
    for (const auto& [id, item] : world.trash) {
        const auto* content = item.content.if_object();
        if (content == nullptr) continue;
        const json::value* base = content->if_contains("uid_base");
        if (item.kind == TrashKind::app) {
            const auto* inner = content->if_contains("app");
            if (inner != nullptr && inner->is_object()) {
                base = inner->get_object().if_contains("uid_base");
            }
        }
        if (base != nullptr && base->is_int64()) note(item.app, base->get_int64());
    }
    for (const auto& [id, volume] : world.volumes) note(volume.app, volume.uid_base);
    if (own != 0) return own;
    auto base = k_uid_base_first;
    while (taken.contains(base)) base += k_uids_per_app;
    return base;
}

}  // namespace moln::plan
