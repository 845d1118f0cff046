#include "edge/compiler.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "base/check.h"
#include "edge/limits.h"

namespace moln::edge {

struct Compiler::Draft {
    std::map<std::uint32_t, std::shared_ptr<const CompiledApp>> apps;  // by place; null: it goes
    AppPlaces places;  // only if apps came or went, as free
    std::vector<std::uint32_t> free;
    bool apps_differ = false;
    std::size_t places_count = 0;
    std::size_t endpoints = 0;
    std::shared_ptr<const CompiledRoutes> routes;  // null, as the next: it stays
    std::shared_ptr<const ChallengeAnswers> challenges;
    std::shared_ptr<const std::vector<StreamListen>> streams;
    bool certificates = false;
};

namespace {

const EdgeApp* find_app(const EdgeSnapshot& snapshot, const EdgeAppKey& key) {
    const auto found = std::ranges::lower_bound(snapshot.apps, key, LessByApp{});
    const bool known = found != snapshot.apps.end() && !LessByApp{}(key, *found);
    return known ? &*found : nullptr;
}

std::shared_ptr<const CompiledApp> with_probe_host(const CompiledApp& app, std::string host) {
    auto made = std::make_shared<CompiledApp>(app);
    made->probe_host = std::move(host);
    return made;
}

}  // namespace

// One that is there, new or changed.
Status Compiler::compile_app(const EdgeAppKey& key, Draft& draft) const {
    const EdgeApp* spec = find_app(snapshot_, key);
    CHECK(spec != nullptr);
    MOLN_TRY(check_app(*spec));
    MOLN_ASSIGN(auto allowed, compile_allowed(*spec));
    const auto& places = draft.apps_differ ? draft.places : places_;
    const auto known = places.find(key);
    std::uint32_t place = 0;
    std::string probe_host;
    if (known != places.end()) {
        place = known->second;
        const auto& before = compiled_.apps[place];
        draft.endpoints -= before->spec.endpoints.size();
        probe_host = before->probe_host;
    } else {
        if (draft.free.empty()) {
            place = static_cast<std::uint32_t>(draft.places_count++);
        } else {
            place = draft.free.back();
            draft.free.pop_back();
        }
        draft.places.emplace(key, place);
    }
    draft.endpoints += spec->endpoints.size();
    draft.apps[place] = std::make_shared<const CompiledApp>(CompiledApp{
        .spec = *spec, .probe_host = std::move(probe_host), .allowed = std::move(allowed)});
    return {};
}

Status Compiler::compile_apps(const EdgeDelta& undo, Draft& draft) const {
    std::vector<EdgeAppKey> changed;
    for (const auto& one : undo.endpoints) changed.push_back({one.app, one.process});
    std::vector<EdgeAppKey> gone;
    for (const auto& app : undo.apps) {
        EdgeAppKey key{app.app, app.process};
        const bool stays = find_app(snapshot_, key) != nullptr;
        (stays ? changed : gone).push_back(std::move(key));
    }
    draft.apps_differ = !gone.empty() || !undo.apps_gone.empty();
    if (draft.apps_differ) {
        draft.places = places_;
        draft.free = free_;
    }
    for (const auto& key : gone) {
        const auto known = draft.places.find(key);
        CHECK(known != draft.places.end());
        draft.endpoints -= compiled_.apps[known->second]->spec.endpoints.size();
        draft.apps[known->second] = nullptr;
        draft.places.erase(known);
    }
    for (const auto& key : changed) MOLN_TRY(compile_app(key, draft));
    for (const auto& key : undo.apps_gone) MOLN_TRY(compile_app(key, draft));
    // Not before: whoever works by the snapshot before must not find another app in its place.
    for (const auto& key : gone) draft.free.push_back(places_.find(key)->second);
    if (snapshot_.apps.size() > k_snapshot_apps_max) {
        return fail(ErrorCode::refused,
                    fmt::format("snapshot: more than {} apps", k_snapshot_apps_max));
    }
    if (draft.endpoints > k_snapshot_endpoints_max) {
        return fail(ErrorCode::refused,
                    fmt::format("snapshot: more than {} endpoints", k_snapshot_endpoints_max));
    }
    return {};
}

namespace {

// As http::RouteTable has it: a slash at the end means nothing. One that is too long is no route.
std::uint16_t path_bytes(std::string_view path) {
    while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
    return static_cast<std::uint16_t>(std::min(path.size(), http::k_route_path_bytes_max));
}

}  // namespace

Status Compiler::compile_routes(Draft& draft) const {
    const auto& places = draft.apps_differ ? draft.places : places_;
    auto compiled = std::make_shared<CompiledRoutes>();
    compiled->targets.reserve(snapshot_.routes.size());
    std::vector<http::Route> routes;
    routes.reserve(snapshot_.routes.size());
    std::vector<const std::string*> probe_hosts(draft.places_count, nullptr);
    AuthorityTexts authorities;
    for (const auto& route : snapshot_.routes) {
        MOLN_ASSIGN(auto target, compile_target(route, places));
        target.path_bytes = path_bytes(route.path);
        MOLN_TRY(authorities.add(target, route));
        routes.push_back(
            {route.host, route.path, static_cast<std::uint32_t>(compiled->targets.size())});
        auto& probe_host = probe_hosts[target.app];
        if (probe_host == nullptr && !route.host.starts_with('*')) probe_host = &route.host;
        compiled->targets.push_back(std::move(target));
    }
    auto table = http::RouteTable::compile(routes);
    if (!table) return fail_in("snapshot", table.error());
    compiled->table = std::move(*table);
    compiled->authorities = std::move(authorities.texts);
    compiled->asking = std::move(authorities.asking);
    draft.routes = std::move(compiled);

    for (const auto& [key, place] : places) {
        const auto drafted = draft.apps.find(place);
        const auto& app = drafted != draft.apps.end() ? drafted->second : compiled_.apps[place];
        const auto* host = probe_hosts[place];
        const std::string wanted = host == nullptr ? std::string() : *host;
        if (app->probe_host != wanted) draft.apps[place] = with_probe_host(*app, wanted);
    }
    return {};
}

Result<Compiler::Draft> Compiler::compile_all(const EdgeDelta& undo) const {
    Draft draft;
    draft.places_count = compiled_.apps.size();
    draft.endpoints = endpoints_;
    MOLN_TRY(compile_apps(undo, draft));
    if (draft.apps_differ || !undo.routes.empty() || !undo.routes_gone.empty()) {
        MOLN_TRY(compile_routes(draft));
    }
    if (undo.challenges) {
        auto challenges = ChallengeAnswers::compile(snapshot_.challenges);
        if (!challenges) return fail_in("snapshot", challenges.error());
        draft.challenges = std::make_shared<const ChallengeAnswers>(std::move(*challenges));
    }
    if (undo.streams || (draft.apps_differ && !snapshot_.streams.empty())) {
        const auto& places = draft.apps_differ ? draft.places : places_;
        MOLN_ASSIGN(auto streams, compile_streams(snapshot_.streams, places));
        draft.streams = std::make_shared<const std::vector<StreamListen>>(std::move(streams));
    }
    draft.certificates = draft.routes || undo.challenges || undo.ticket_keys ||
                         !undo.certificates.empty() || !undo.certificates_gone.empty();
    return draft;
}

Touched Compiler::install(Draft draft) {
    Touched touched;
    compiled_.apps.resize(draft.places_count);
    for (auto& [place, app] : draft.apps) {
        compiled_.apps[place] = std::move(app);
        touched.apps.push_back(place);
    }
    if (draft.apps_differ) {
        places_ = std::move(draft.places);
        free_ = std::move(draft.free);
    }
    endpoints_ = draft.endpoints;
    if (draft.routes) compiled_.routes = std::move(draft.routes);
    if (draft.challenges) compiled_.challenges = std::move(draft.challenges);
    touched.streams = draft.streams != nullptr;
    if (draft.streams) compiled_.streams = std::move(draft.streams);
    touched.certificates = draft.certificates;
    compiled_.epoch = snapshot_.epoch;
    compiled_.version = snapshot_.version;
    return touched;
}

Result<Touched> Compiler::take(EdgeDelta delta) {
    MOLN_ASSIGN(auto undo, apply(snapshot_, std::move(delta)));
    auto draft = compile_all(undo);
    if (draft) return install(std::move(*draft));
    CHECK(apply(snapshot_, std::move(undo)));
    return fail(std::move(draft).error());
}

Result<Touched> Compiler::take(EdgeSnapshot snapshot) {
    MOLN_TRY(sort_snapshot(snapshot));
    return take(diff(snapshot_, snapshot));
}

}  // namespace moln::edge
