#include <algorithm>
#include <iterator>
#include <map>

#include <fmt/format.h>

#include "api/view.h"
#include "model/canary.h"

namespace moln::api {
namespace {

AppState state_of(const App& app, const std::vector<ProcessView>& processes) {
    if (app.release == 0) return AppState::empty;
    if (app.run != AppRun::running) return AppState::stopped;
    if (app.maintenance) return AppState::maintenance;
    if (app.rollout.state == RolloutState::switching) return AppState::switching;
    if (app.rollout.state == RolloutState::canary) return AppState::canary;
    const bool short_of = std::ranges::any_of(
        processes, [](const ProcessView& process) { return process.ready < process.wanted; });
    if (app.rollout.state == RolloutState::failed) return AppState::failed;
    return short_of ? AppState::degraded : AppState::running;
}

ProcessView process_view(const App& app, const std::string& name, const ProcessSpec& spec) {
    return {.name = name,
            .kind = spec.kind,
            .command = spec.command,
            .schedule = spec.schedule,
            .wanted = wanted_instances(app, name, spec),
            .memory = spec.memory,
            .cpu_millis = spec.cpu_millis,
            .port = spec.port};
}

// Of the wanted release; beside a canary those of the release that serves, and what the canary
// adds.
std::vector<ProcessView> process_views(const World& world, const App& app) {
    std::vector<ProcessView> views;
    const bool canary = has_canary(app);
    const auto* release = shown_release(world, app);
    if (release != nullptr) {
        for (const auto& [name, spec] : release->config.processes) {
            views.push_back(process_view(app, name, spec));
        }
    }
    const auto* beside = canary ? find_release(world, app.id, app.release) : nullptr;
    if (beside == nullptr) return views;
    for (const auto& [name, spec] : beside->config.processes) {
        if (spec.kind != ProcessKind::web) continue;  // a canary is there for requests
        auto found = std::ranges::find(views, name, &ProcessView::name);
        if (found == views.end()) {
            views.push_back(process_view(app, name, spec));
            found = std::prev(views.end());
            found->wanted = 0;
        }
        found->canary_wanted = wanted_instances(app, name, spec);
    }
    return views;
}

// In a switch the new instances are ready beside the old before these leave: neither are added up,
// who has more of them ready tells how many serve.
void count_instances(const World& world, const App& app,
                     const std::vector<const Instance*>& instances,
                     std::vector<ProcessView>& processes) {
    std::map<std::string, std::int64_t> outdated;
    const bool canary = has_canary(app);
    for (const auto* instance : instances) {
        const auto process = std::ranges::find(processes, instance->process, &ProcessView::name);
        if (process == processes.end() || instance->kind != InstanceKind::service) continue;
        const auto seen = instance_view(world, *instance);
        process->draining += seen.state == InstanceState::draining ? 1 : 0;
        if (!is_ready(seen)) continue;
        const bool current =
            instance->release == app.release && instance->restart_count == app.restart_count;
        if (!current) {
            ++outdated[instance->process];
        } else {
            ++(canary ? process->canary_ready : process->ready);
        }
    }
    for (auto& process : processes) process.ready = std::max(process.ready, outdated[process.name]);
}

}  // namespace

InstanceIndex index_instances(const World& world) {
    InstanceIndex index;
    for (const auto& [id, instance] : world.instances) index[instance.app].push_back(&instance);
    return index;
}

bool AppFilter::takes(const AppId& id) const {
    return app.empty() ? project_of(id) == project : id == app;
}

std::string project_of(const AppId& id) {
    return id.text.substr(0, id.text.find('/'));
}

std::string name_of(const AppId& id) {
    const auto slash = id.text.find('/');
    return slash == std::string::npos ? id.text : id.text.substr(slash + 1);
}

const Release* find_release(const World& world, const AppId& app, std::int64_t number) {
    const auto releases = world.releases.find(app);
    if (releases == world.releases.end()) return nullptr;
    const auto found = releases->second.find(number);
    return found == releases->second.end() ? nullptr : &found->second;
}

const Release* shown_release(const World& world, const App& app) {
    return find_release(world, app.id, has_canary(app) ? app.release_served : app.release);
}

std::int64_t wanted_instances(const App& app, const std::string& process, const ProcessSpec& spec) {
    if (app.run != AppRun::running || spec.kind == ProcessKind::cron) return 0;
    const auto scaled = app.scale.find(process);
    return scaled == app.scale.end() ? spec.instances : scaled->second;
}

AppView app_view(const World& world, const App& app,
                 const std::vector<const Instance*>& instances) {
    AppView view;
    view.project = project_of(app.id);
    view.name = name_of(app.id);
    view.generation = app.generation;
    view.release = app.release;
    view.release_served = app.release_served;
    view.rollout = app.rollout;
    if (app.rollout.state == RolloutState::canary) view.canary = app.canary;
    view.maintenance = app.maintenance.has_value();
    view.created = app.created;
    if (const auto* release = shown_release(world, app)) {
        view.source = release->image.source;
        view.site = release->config.site.has_value();
        view.volumes = static_cast<std::int64_t>(release->config.volumes.size());
    }
    view.processes = process_views(world, app);
    count_instances(world, app, instances, view.processes);
    for (const auto& route : route_views(world, app)) {
        if (!route.url.empty()) view.urls.push_back(route.url);
    }
    view.state = state_of(app, view.processes);
    return view;
}

AppView app_view(const World& world, const App& app) {
    std::vector<const Instance*> instances;
    for (const auto& [id, instance] : world.instances) {
        if (instance.app == app.id) instances.push_back(&instance);
    }
    return app_view(world, app, instances);
}

std::vector<AppView> app_views(const World& world, const std::string& project) {
    const auto index = index_instances(world);
    std::vector<AppView> views;
    for (const auto& [id, app] : world.apps) {
        if (project_of(id) != project) continue;
        const auto instances = index.find(id);
        views.push_back(app_view(
            world, app,
            instances == index.end() ? std::vector<const Instance*>{} : instances->second));
    }
    return views;
}

ReleaseView release_view(const App& app, const Release& release) {
    ReleaseView view;
    view.app = app.id;
    view.number = release.number;
    view.description = release.description;
    view.source = release.image.source;
    view.image = release.image.kind;
    view.platform = release.image.platform;
    view.digest = release.image.digest;
    view.created = release.created;
    view.config = release.config;
    for (auto& route : view.config.routes) {
        if (!route.auth) continue;
        for (auto& user : route.auth->users) user = user_name(user);  // no hash leaves
    }
    for (const auto& [name, sealed] : release.secrets) view.secrets.push_back(name);
    const bool rolling = app.rollout.to == release.number;
    if (rolling && app.rollout.state == RolloutState::switching) {
        view.state = ReleaseState::switching;
    } else if (rolling && app.rollout.state == RolloutState::canary) {
        view.state = ReleaseState::canary;
    } else if (rolling && app.rollout.state == RolloutState::failed) {
        view.state = ReleaseState::failed;
    } else if (release.number == app.release_served) {
        view.state = ReleaseState::serving;
    }
    return view;
}

std::vector<ReleaseView> release_views(const World& world, const App& app) {
    std::vector<ReleaseView> views;
    const auto found = world.releases.find(app.id);
    if (found == world.releases.end()) return views;
    for (const auto& [number, release] : found->second) views.push_back(release_view(app, release));
    std::ranges::reverse(views);  // newest first
    return views;
}

std::vector<EnvView> env_views(const World& world, const App& app) {
    std::map<std::string, EnvView> all;
    if (const auto* release = find_release(world, app.id, app.release)) {
        for (const auto& [name, value] : release->config.env) {
            all[name] = {name, value, EnvOrigin::release};
        }
    }
    for (const auto& [name, value] : app.env) all[name] = {name, value, EnvOrigin::set};
    std::vector<EnvView> views;
    for (auto& [name, view] : all) views.push_back(std::move(view));
    return views;
}

std::vector<SecretView> secret_views(const App& app) {
    std::vector<SecretView> views;
    for (const auto& [name, sealed] : app.secrets) views.push_back({name});
    return views;
}

ChangeView change_view(const World& world, const CommandReply& reply,
                       std::vector<std::string> warnings) {
    ChangeView view;
    view.reply = reply;
    view.warnings = std::move(warnings);
    const auto found = world.apps.find(reply.app);
    if (found != world.apps.end()) view.app = app_view(world, found->second);
    return view;
}

}  // namespace moln::api
