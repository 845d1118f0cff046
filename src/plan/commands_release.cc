// Deploy and roll back: which release is wanted.
#include <algorithm>
#include <limits>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "model/limits.h"
#include "model/route.h"
#include "model/validate.h"
#include "model/words.h"
#include "plan/canary.h"
#include "plan/decision.h"
#include "plan/explain.h"
#include "plan/scope.h"
#include "plan/volumes.h"

namespace moln::plan {
namespace {

void ensure_project(Decision& d, const AppId& app) {
    const ProjectId id{std::string(project_of(app))};
    if (d.draft.project(id) != nullptr) return;
    std::int64_t network = 1;
    const auto taken = [&] {
        return std::ranges::any_of(
            d.world().projects, [&](const auto& entry) { return entry.second.network == network; });
    };
    while (taken()) ++network;
    d.draft.put(Project{.id = id, .network = network, .created = d.now()});
}

Result<App> new_app(Decision& d, const AppId& id) {
    MOLN_TRY(validate_app_id(id.text));
    if (d.expected.generation && *d.expected.generation != 0) {
        return fail(ErrorCode::conflict, fmt::format("{} is gone", id.text));
    }
    if (d.world().apps.size() >= k_apps_max) {
        return fail(ErrorCode::refused,
                    fmt::format("there are {} apps: no more are allowed", k_apps_max));
    }
    ensure_project(d, id);
    App app;
    app.id = id;
    app.uid_base = choose_uid_base(d.world(), id);
    app.created = d.now();
    return app;
}

// How many instances of `app` there are for `process`, all releases together.
std::int64_t living(const World& world, const AppId& app, const std::string& process) {
    return std::ranges::count_if(world.instances, [&](const auto& entry) {
        const auto& instance = entry.second;
        return instance.app == app && instance.process == process &&
               instance.kind == InstanceKind::service && instance.goal == InstanceGoal::run;
    });
}

const Volume* existing(const World& world, const AppId& app, const std::string& name) {
    for (const auto& [id, volume] : world.volumes) {
        if (volume.app == app && volume.name == name && volume.instance.empty()) return &volume;
    }
    return nullptr;
}

void explain_volumes(Decision& d, const AppId& id, const AppConfig& config) {
    for (const auto& spec : config.volumes) {
        if (spec.lifetime == Lifetime::instance) continue;
        const auto* volume = existing(d.world(), id, spec.name);
        if (volume == nullptr) {
            d.effects.push_back(fmt::format("make volume {} for {}", spec.name, spec.path));
        } else if (spec.sharing == Sharing::exclusive) {
            d.effects.push_back(fmt::format(
                "hand volume {} over: the old instance ends before the new one starts, requests "
                "wait meanwhile",
                spec.name));
        }
    }
    for (const auto& [volume_id, volume] : d.world().volumes) {
        if (volume.app != id || !volume.instance.empty()) continue;
        const auto& specs = config.volumes;
        if (std::ranges::find(specs, volume.name, &VolumeSpec::name) != specs.end()) continue;
        d.effects.push_back(fmt::format(
            "keep volume {} ({}): the new release does not mount it, nothing in it is dropped",
            volume.name, volume_id.text));
    }
}

// Those of `release` are not replaced by it.
void explain_replaced(Decision& d, const AppId& id, std::int64_t release) {
    const auto count = std::ranges::count_if(d.world().instances, [&](const auto& entry) {
        return entry.second.app == id && entry.second.kind == InstanceKind::service &&
               entry.second.goal == InstanceGoal::run && entry.second.release != release;
    });
    if (count == 0) return;
    d.effects.push_back(
        fmt::format("then drain and stop {}; what is written outside volumes goes to the trash",
                    count_words(count, "running instance")));
}

// Of a release that serves still, beside one that did not take its place or a canary, only what it
// lacks is started.
void explain_started(Decision& d, const App& app, const Release& release) {
    std::map<std::string, std::int64_t> there;
    for (const auto& [id, instance] : d.world().instances) {
        const bool counts = instance.app == app.id && instance.release == release.number &&
                            instance.kind == InstanceKind::service &&
                            instance.goal == InstanceGoal::run &&
                            instance.restart_count == app.restart_count;
        if (counts) ++there[instance.process];
    }
    if (there.empty()) {
        d.effects.push_back(fmt::format("start {} of release {} beside release {}",
                                        wanted_words(app, release), release.number, app.release));
        return;
    }
    for (const auto& [name, process] : release.config.processes) {
        if (process.kind == ProcessKind::cron) continue;
        const auto missing = wanted_count(app, release.config, name) - there[name];
        if (missing > 0) {
            d.effects.push_back(
                fmt::format("start {} more {} of release {}", missing, name, release.number));
        }
    }
    d.effects.push_back(
        fmt::format("lead all requests to release {}, which runs still", release.number));
}

std::int64_t release_before(const Decision& d, const App& app) {
    if (app.release != app.release_served && app.release_served != 0) return app.release_served;
    const auto& rollout = app.rollout;
    if (rollout.state == RolloutState::settled && rollout.from != app.release &&
        d.draft.release(app.id, rollout.from) != nullptr) {
        return rollout.from;
    }
    const auto found = d.world().releases.find(app.id);
    if (found == d.world().releases.end()) return 0;
    std::int64_t before = 0;
    for (const auto& [number, release] : found->second) {
        const bool failed = rollout.state == RolloutState::failed && rollout.to == number;
        if (number < app.release && !failed) before = number;
    }
    return before;
}

}  // namespace

void explain_lost_processes(Decision& d, const AppId& id, const AppConfig& config) {
    const auto* app = d.draft.app(id);
    if (app == nullptr) return;
    const auto releases = releases_at_hand(d, *app);
    if (releases.empty()) return;
    for (const auto& [name, process] : releases.front()->config.processes) {
        if (config.processes.contains(name)) continue;
        d.effects.push_back(fmt::format("stop {} of {}: the new release has no such process",
                                        living(d.world(), id, name), name));
    }
}

// Routes of moln.toml were validated with it; those that were added by command lie over whatever
// release comes, and are kept for the next one.
void explain_lost_routes(Decision& d, const App& app, const AppConfig& config,
                         std::int64_t number) {
    for (const auto& route : app.routes) {
        const auto why = route_problem(config, app.routes, route);
        if (why.empty()) continue;
        const auto words = route_words(route);
        d.effects.push_back(fmt::format("the route {} no longer leads to the app: {}", words, why));
        d.draft.tell(EventLevel::warning, "route.lost", app.id, words,
                     fmt::format("{} leads nowhere from release {} of {} on: {}; `moln route rm` "
                                 "removes it, `moln route add --replace` leads it elsewhere",
                                 words, number, app.id.text, why));
    }
}

AppId taken_from(const World& world, const AppId& app, const RouteSpec& route) {
    if (is_stream(route)) return {};
    const auto other = std::ranges::find_if(world.edge.routes, [&](const EdgeRoute& one) {
        return one.app != app && one.host == route.host && one.path == route.path;
    });
    return other == world.edge.routes.end() ? AppId() : other->app;
}

std::string explain_taken_routes(Decision& d, const App& app, const AppConfig& config,
                                 std::int64_t number) {
    std::string reply;
    for (const auto& route : config.routes) {
        const auto owner = taken_from(d.world(), app.id, route);
        if (owner.empty()) continue;
        const auto words = route_words(route);
        d.effects.push_back(fmt::format("lead {} to it, which leads to {} now", words, owner.text));
        d.draft.tell(EventLevel::warning, "route.taken", app.id, words,
                     fmt::format("{} leads to {} from release {} on; it led to {} before", words,
                                 app.id.text, number, owner.text));
        reply += fmt::format("; {} led to {} before", words, owner.text);
    }
    return reply;
}

Status decide_on(Decision& d, const DeployCommand& command) {
    MOLN_TRY(validate(command.config));
    App app;
    if (d.draft.app(command.app) != nullptr) {
        MOLN_ASSIGN(app, app_to_change(d, command.app));
    } else {
        MOLN_ASSIGN(app, new_app(d, command.app));
    }
    MOLN_TRY(fits(d, app, command.config));
    if (command.canary) {
        MOLN_TRY(canary_fits(app, command.config, *command.canary));
        const auto* served = d.draft.release(app.id, app.release_served);
        if (served != nullptr) MOLN_TRY(canary_fits(app, served->config, *command.canary));
    }
    app.canary = command.canary;
    if (!command.canary) explain_lost_processes(d, app.id, command.config);
    MOLN_ASSIGN(const auto number,
                add_release(d, app, command.image, command.config, command.description));
    begin_rollout(d, app, number);
    const auto* release = d.draft.release(app.id, number);
    d.effects.insert(d.effects.begin(), fmt::format("make release {} of {} and start {}", number,
                                                    app.id.text, wanted_words(app, *release)));
    std::string taken;
    if (!command.canary) {
        explain_lost_routes(d, app, command.config, number);
        taken = explain_taken_routes(d, app, command.config, number);
    }
    explain_volumes(d, app.id, command.config);
    if (command.canary) {
        d.effects.push_back(fmt::format("once it is healthy: give it {}; release {} serves on",
                                        canary_words(*command.canary), app.release_served));
    } else {
        explain_replaced(d, app.id, number);
    }
    d.draft.tell(EventLevel::info, "release.made", app.id, std::to_string(number),
                 fmt::format("release {} of {}: {}", number, app.id.text, command.description));
    change_app(d, std::move(app),
               fmt::format("release {} of {}{}", number, command.app.text, taken));
    return {};
}

Status decide_on(Decision& d, const RollbackCommand& command) {
    MOLN_ASSIGN(auto app, app_to_change(d, command.app));
    const auto number = command.release != 0 ? command.release : release_before(d, app);
    if (number == 0) {
        return fail(ErrorCode::refused,
                    fmt::format("{} has no release before {}", app.id.text, app.release));
    }
    const auto* release = d.draft.release(app.id, number);
    if (release == nullptr) {
        return fail(ErrorCode::not_found,
                    fmt::format("{} has no release {}; see `moln releases`", app.id.text, number));
    }
    if (number == app.release) {
        return fail(ErrorCode::refused,
                    fmt::format("release {} of {} is the wanted one already", number, app.id.text));
    }
    MOLN_TRY(fits(d, app, release->config));
    explain_started(d, app, *release);
    explain_lost_routes(d, app, release->config, number);
    const auto taken = explain_taken_routes(d, app, release->config, number);
    explain_volumes(d, app.id, release->config);
    explain_replaced(d, app.id, number);
    d.draft.tell(EventLevel::info, "release.rollback", app.id, std::to_string(number),
                 fmt::format("{} goes back from release {} to release {} by command", app.id.text,
                             app.release, number));
    app.canary.reset();
    begin_rollout(d, app, number);
    d.reply.release = number;
    change_app(d, std::move(app),
               fmt::format("{} goes back to release {}{}", command.app.text, number, taken));
    return {};
}

}  // namespace moln::plan
