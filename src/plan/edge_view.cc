#include "plan/edge_view.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "model/certificate.h"
#include "model/limits.h"
#include "model/route.h"
#include "model/site.h"
#include "plan/acme.h"
#include "plan/canary.h"
#include "plan/certificates.h"
#include "plan/judge.h"
#include "plan/plan.h"
#include "plan/ticket_keys.h"

namespace moln::plan {
namespace {

constexpr std::string_view k_default_project = "default";

struct RankedRoute {
    EdgeRoute route;
    int rank = 0;  // 0: the user's own, 1: the default host of every app
};

void add_routes(const AppScope& scope, const CertificateIndex& certificates,
                std::vector<RankedRoute>& routes) {
    const auto& config = scope.serving->config;
    const auto add = [&](const RouteSpec& spec, int rank) {
        if (is_stream(spec)) return;
        auto process = served_process(config, spec.process);
        if (process.empty()) return;
        routes.push_back({{.host = spec.host,
                           .path = spec.path,
                           .app = scope.id,
                           .process = std::move(process),
                           .redirect = redirects(spec, certificates),
                           .hsts = spec.hsts,
                           .cache = spec.cache,
                           .rate = spec.rate,
                           .auth = spec.auth,
                           .forward_auth = spec.forward_auth,
                           .client_cert = spec.client_cert},
                          rank});
    };
    // What was added by command lies over what the release has at its place.
    for (const auto& spec : scope.app->routes) add(spec, 0);
    for (const auto& spec : config.routes) add(spec, 0);
    if (auto process = default_process(config); !process.empty()) {
        add({.host = default_host(scope.id), .path = "/", .process = std::move(process)}, 1);
    }
}

// One route for each host and path: the user's own before a default, then the lower app id, then
// what came first.
std::vector<EdgeRoute> settle_routes(std::vector<RankedRoute> ranked) {
    const auto order = [](const RankedRoute& r) {
        return std::tie(r.route.host, r.route.path, r.rank, r.route.app);
    };
    std::ranges::stable_sort(ranked,
                             [&](const auto& a, const auto& b) { return order(a) < order(b); });
    std::vector<EdgeRoute> routes;
    routes.reserve(ranked.size());
    for (auto& [route, rank] : ranked) {
        if (!routes.empty() && routes.back().host == route.host &&
            routes.back().path == route.path) {
            continue;
        }
        routes.push_back(std::move(route));
    }
    return routes;
}

void add_streams(const AppScope& scope, std::vector<EdgeStream>& streams) {
    for (const auto* routes : {&scope.app->routes, &scope.serving->config.routes}) {
        for (const auto& spec : *routes) {
            const auto* process = find_process(scope.serving, spec.process);
            if (!is_stream(spec) || process == nullptr || process->kind != ProcessKind::web) {
                continue;
            }
            EdgeStream stream{.listen = spec.listen,
                              .host = spec.host,
                              .app = scope.id,
                              .process = spec.process,
                              .port = spec.port,
                              .accept_proxy = spec.accept_proxy,
                              .send_proxy = spec.send_proxy,
                              .idle = spec.idle,
                              .keep_source = spec.keep_source};
            if (spec.listen.starts_with("udp:") && spec.idle.count == 0) {
                stream.idle = k_udp_idle_default;
            }
            streams.push_back(std::move(stream));
        }
    }
}

// One stream for each listen and host, all of a listen alike in PROXY headers: an app that came
// back from the trash or a rollback may be in another's way, which costs it its route, not all
// apps the snapshot. The lower app id stays.
std::vector<EdgeStream> settle_streams(std::vector<EdgeStream> drawn) {
    std::ranges::stable_sort(drawn, {}, [](const EdgeStream& stream) {
        return std::tie(stream.listen, stream.host, stream.app);
    });
    std::map<std::string, bool> accept_proxy;
    std::vector<EdgeStream> streams;
    for (auto& stream : drawn) {
        if (!streams.empty() && streams.back().listen == stream.listen &&
            streams.back().host == stream.host) {
            continue;
        }
        if (accept_proxy.size() == k_listens_max && !accept_proxy.contains(stream.listen)) continue;
        const auto known = accept_proxy.try_emplace(stream.listen, stream.accept_proxy).first;
        if (known->second == stream.accept_proxy) streams.push_back(std::move(stream));
    }
    return streams;
}

// What one app's web processes look like from the edge.
class AppPainter {
public:
    AppPainter(Draft& draft, const Sight& sight, const AppScope& scope)
        : draft_(draft), sight_(sight), scope_(scope) {}

    void paint(std::vector<EdgeApp>& apps) {
        std::set<std::string> names;
        for (const auto* release : {scope_.serving, scope_.wanted}) {
            if (release == nullptr) continue;
            for (const auto& [name, process] : release->config.processes) {
                if (process.kind == ProcessKind::web) names.insert(name);
            }
        }
        for (const auto& member : scope_.members) {
            if (has_endpoint(member)) names.insert(member.instance->process);
        }
        if (scope_.serving->config.site) names.insert(k_site_process);
        for (const auto& name : names) apps.push_back(paint(name));
    }

private:
    EdgeApp paint(const std::string& name) {
        EdgeApp app{.app = scope_.id, .process = name, .health = health_of(name), .endpoints = {}};
        for (const auto& member : scope_.members) {
            if (member.instance->process == name && has_endpoint(member)) {
                app.endpoints.push_back(endpoint(member, app.health));
            }
        }
        app.hold = is_held(name);
        if (name == k_site_process) app.site = site();
        app.maintenance = scope_.app->maintenance;
        if (has_canary(*scope_.app)) {
            app.canary_release = scope_.app->release;
            app.canary = *scope_.app->canary;
        }
        if (const auto* process = process_of(name)) {
            app.concurrency = process->concurrency;
            app.hold_requests_max = process->queue;
            app.hold_limit = process->queue_time;
            app.balance = process->balance;
            app.affinity = process->affinity;
            app.slow_start = process->slow_start;
            app.replay = process->replay;
            app.retry = process->retry;
            app.answer_timeout = process->answer_timeout;
        }
        return app;
    }

    // None of a stopped app: its routes answer 503.
    std::optional<EdgeSite> site() const {
        const auto& serving = *scope_.serving;
        if (!serving.config.site || scope_.app->run != AppRun::running) return std::nullopt;
        // Its files may be on their way back from the trash.
        if (scope_.serving == scope_.wanted && scope_.layers_missing) return std::nullopt;
        return EdgeSite{.name = std::string(site_among(serving.image.layers)),
                        .release = serving.number,
                        .spec = *serving.config.site};
    }

    const ProcessSpec* process_of(const std::string& name) const {
        for (const auto* release : {scope_.serving, scope_.wanted}) {
            if (const auto* process = find_process(release, name)) return process;
        }
        return nullptr;
    }

    HealthSpec health_of(const std::string& name) const {
        for (const auto* release : {scope_.serving, scope_.wanted}) {
            if (find_process(release, name) != nullptr) return probe_of(*release, name);
        }
        return {};
    }

    HealthSpec probe_of(const Release& release, const std::string& process) const {
        static const std::vector<RouteSpec> k_none;
        const auto& added = scope_.app == nullptr ? k_none : scope_.app->routes;
        return moln::probe_of(release.config, added, process);
    }

    const Release* release_of(const Member& member) const {
        const auto number = member.instance->release;
        if (scope_.wanted != nullptr && scope_.wanted->number == number) return scope_.wanted;
        if (scope_.serving != nullptr && scope_.serving->number == number) return scope_.serving;
        return draft_.release(scope_.id, number);
    }

    // Where an instance runs that the edge may still be sending to, or is to prove.
    bool has_endpoint(const Member& member) const {
        if (member.deleted || member.instance->kind != InstanceKind::service) return false;
        if (member.seen == nullptr || member.seen->address.empty()) return false;
        const auto phase = member.seen->phase;
        if (phase != InstancePhase::running && phase != InstancePhase::stopping) return false;
        const auto goal = member.instance->goal;
        if (goal == InstanceGoal::prepare || goal == InstanceGoal::remove) return false;
        // Without drain it never was in the edge: it leaves without a trace.
        if (goal != InstanceGoal::run && !member.instance->in_edge) return false;
        const auto* process = find_process(release_of(member), member.instance->process);
        return process != nullptr && process->kind == ProcessKind::web;
    }

    EdgeEndpoint endpoint(const Member& member, const HealthSpec& usual) const {
        const auto* release = release_of(member);
        const auto& instance = *member.instance;
        EdgeEndpoint endpoint{
            .instance = instance.id,
            .address = member.seen->address,
            .port = find_process(release, instance.process)->port,
            .state = EndpointState::warming,
            .release = instance.release,
            .protocol = find_process(release, instance.process)->protocol,
        };
        if (instance.goal != InstanceGoal::run || !is_running(member)) {
            endpoint.state = EndpointState::draining;
        } else if (instance.in_edge) {
            endpoint.state = EndpointState::active;
        }
        if (const auto own = probe_of(*release, instance.process); own != usual) {
            endpoint.health = own;
        }
        return endpoint;
    }

    // Whose instances are to answer: beside a canary those of the release that serves.
    const Release& answering() const {
        return has_canary(*scope_.app) ? *scope_.serving : *scope_.wanted;
    }

    bool answers(const Member& member) const {
        if (!has_canary(*scope_.app)) return is_current(scope_, member);
        return lives(member) && member.instance->release == scope_.serving->number;
    }

    // Requests wait while Moln itself is bringing the process up and nobody can answer them yet.
    bool is_held(const std::string& name) {
        if (scope_.wanted == nullptr || scope_.app->run != AppRun::running) return false;
        if (find_process(&answering(), name) == nullptr) return false;
        const auto wanted = wanted_count(*scope_.app, answering().config, name);
        const auto& rollout = scope_.app->rollout;
        if (wanted == 0 ||
            (rollout.state == RolloutState::failed && rollout.to == scope_.app->release)) {
            return false;
        }
        std::int64_t current = 0;
        bool coming = false;
        for (const auto& member : scope_.members) {
            if (member.instance->process != name || !lives(member) ||
                member.instance->kind != InstanceKind::service) {
                continue;
            }
            const bool serves =
                member.instance->in_edge && is_running(member) && member.edge.healthy;
            const bool counts = answers(member);
            if (serves && (counts || !has_canary(*scope_.app))) return false;
            if (!counts) continue;
            ++current;
            coming = is_coming(member) || coming;
        }
        return coming || current < wanted;
    }

    bool is_coming(const Member& member) {
        if (crashes(member) >= k_crashes_max) return false;
        if (member.seen == nullptr) return true;
        if (member.seen->phase == InstancePhase::failed) return false;
        // Without an edge to ask nobody can say that it is late.
        if (!is_running(member) || !sight_.edges_connected || !member.edge.everywhere) return true;
        const auto deadline = member.seen->started + answering().config.health.start_grace;
        if (deadline <= draft_.now().wall) return false;
        draft_.wake_at(deadline);
        return true;
    }

    Draft& draft_;
    const Sight& sight_;
    const AppScope& scope_;
};

}  // namespace

std::string default_host(const AppId& app) {
    const auto project = project_of(app);
    if (project == k_default_project) return fmt::format("{}.localhost", name_of(app));
    return fmt::format("{}.{}.localhost", name_of(app), project);
}

std::string default_process(const AppConfig& config) {
    std::string first = config.site ? k_site_process : "";
    for (const auto& [name, process] : config.processes) {
        if (process.kind != ProcessKind::web || is_stream_only(config, {}, name)) continue;
        if (name == "web") return name;
        if (first.empty()) first = name;
    }
    return first;
}

EdgeSnapshot draw_edge(Draft& draft, const Index& index) {
    const auto& last = draft.world().edge;
    EdgeSnapshot view;
    view.epoch = draft.world().epoch;
    const CertificateIndex certificates(draft.world().certificates, draft.now().wall);
    std::vector<RankedRoute> routes;
    std::vector<EdgeStream> streams;
    for (const auto& scope : index.apps) {
        if (scope.app == nullptr || scope.serving == nullptr) continue;
        add_routes(scope, certificates, routes);
        add_streams(scope, streams);
        AppPainter(draft, index.sight, scope).paint(view.apps);
    }
    view.routes = settle_routes(std::move(routes));
    view.streams = settle_streams(std::move(streams));
    view.certificates = draw_certificates(certificates, view.routes);
    view.challenges = draw_challenges(draft.world());
    view.ticket_keys = draw_ticket_keys(draft);
    view.version = last.version;
    if (view != last) ++view.version;
    return view;
}

EdgeSnapshot edge_view(const World& world, Now now) {
    Draft draft(world, now, 0);
    return draw_edge(draft, make_index(draft));
}

}  // namespace moln::plan
