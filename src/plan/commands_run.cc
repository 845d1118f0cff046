// Restart, stop, start, one-offs, single instances: what runs.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "model/limits.h"
#include "plan/canary.h"
#include "plan/decision.h"
#include "plan/drain.h"
#include "plan/place.h"
#include "plan/scope.h"
#include "plan/volumes.h"

namespace moln::plan {
namespace {

Result<App> deployed_app(const Decision& d, const AppId& id) {
    MOLN_ASSIGN(auto app, app_to_change(d, id));
    if (d.draft.release(app.id, app.release) == nullptr) {
        return fail(ErrorCode::refused,
                    fmt::format("{} has no release yet: deploy it first", app.id.text));
    }
    return app;
}

Status check_command(const std::vector<std::string>& command) {
    if (command.empty() || command.front().empty()) {
        return fail(ErrorCode::invalid, "expected a command to run");
    }
    std::size_t bytes = 0;
    for (const auto& word : command) {
        bytes += word.size() + 1;
        if (word.find('\0') != std::string::npos) {
            return fail(ErrorCode::invalid, "the command has a NUL byte in it");
        }
    }
    if (bytes <= k_command_bytes_max) return {};
    return fail(ErrorCode::refused, fmt::format("the command has {} bytes: at most {} are allowed",
                                                bytes, k_command_bytes_max));
}

// All that a one-off may have without taking it from a service: shared volumes, and exclusive ones
// that nobody holds.
std::vector<VolumeId> volumes_for_one_off(Decision& d, const AppScope& scope,
                                          const Release& release) {
    std::vector<VolumeId> volumes;
    for (const auto& spec : release.config.volumes) {
        if (spec.lifetime == Lifetime::instance) continue;
        const auto* volume = find_volume(scope, spec.name);
        if (volume == nullptr || !volume->restored_from.empty()) continue;
        const bool exclusive =
            spec.sharing == Sharing::exclusive || volume->sharing == Sharing::exclusive;
        const auto* holder = exclusive ? holder_of(scope, volume->id) : nullptr;
        if (holder == nullptr) {
            volumes.push_back(volume->id);
        } else {
            d.effects.push_back(fmt::format("run without the exclusive volume {}: {} has it",
                                            spec.name, holder->id.text));
        }
    }
    return volumes;
}

}  // namespace

Status decide_on(Decision& d, const RestartCommand& command) {
    MOLN_ASSIGN(auto app, deployed_app(d, command.app));
    if (app.run == AppRun::stopped) {
        return fail(ErrorCode::refused,
                    fmt::format("{} is stopped: `moln start` starts it", app.id.text));
    }
    if (has_canary(app)) {
        return fail(
            ErrorCode::refused,
            fmt::format("{} has a canary: `moln promote` or `moln rollback` first", app.id.text));
    }
    ++app.restart_count;
    begin_rollout(d, app, app.release);
    d.effects.push_back(
        fmt::format("replace the instances of {} one for one, drained", app.id.text));
    d.draft.tell(EventLevel::info, "app.restarted", app.id, app.id.text,
                 fmt::format("{} is restarted by command", app.id.text));
    change_app(d, std::move(app), fmt::format("{} is being restarted", command.app.text));
    return {};
}

Status decide_on(Decision& d, const StopCommand& command) {
    MOLN_ASSIGN(auto app, app_to_change(d, command.app));
    if (app.run == AppRun::stopped) {
        return fail(ErrorCode::refused, fmt::format("{} is stopped already", app.id.text));
    }
    app.run = AppRun::stopped;
    drop_canary(app);
    d.effects.push_back(
        fmt::format("drain and stop all instances of {}; its routes answer 503, "
                    "its volumes stay",
                    app.id.text));
    d.draft.tell(EventLevel::info, "app.stopped", app.id, app.id.text,
                 fmt::format("{} is stopped by command", app.id.text));
    change_app(d, std::move(app), fmt::format("{} is being stopped", command.app.text));
    return {};
}

Status decide_on(Decision& d, const StartCommand& command) {
    MOLN_ASSIGN(auto app, app_to_change(d, command.app));
    if (app.run == AppRun::running) {
        return fail(ErrorCode::refused, fmt::format("{} is not stopped", app.id.text));
    }
    app.run = AppRun::running;
    // Runs missed while it was stopped on purpose are not made up for.
    for (auto& [process, fired] : app.cron_fired) fired = d.now();
    if (app.release != 0) begin_rollout(d, app, app.release);
    d.effects.push_back(fmt::format("start release {} of {}", app.release, app.id.text));
    d.draft.tell(EventLevel::info, "app.started", app.id, app.id.text,
                 fmt::format("{} is started by command", app.id.text));
    change_app(d, std::move(app), fmt::format("{} is being started", command.app.text));
    return {};
}

Status decide_on(Decision& d, const RunCommand& command) {
    MOLN_ASSIGN(auto app, deployed_app(d, command.app));
    MOLN_TRY(check_command(command.command));
    const Index index = make_index(d.draft);
    const auto scope = std::ranges::find(index.apps, app.id, &AppScope::id);
    const auto one_offs = std::ranges::count_if(scope->members, [](const Member& member) {
        return member.instance->kind == InstanceKind::run;
    });
    if (one_offs >= k_one_offs_per_app_max) {
        return fail(ErrorCode::refused,
                    fmt::format("{} runs {} one-offs: wait for one to end", app.id.text, one_offs));
    }
    if (scope->layers_missing) {
        return fail(ErrorCode::conflict,
                    fmt::format("the image of {} is just coming back from the trash: try again in "
                                "a moment",
                                app.id.text));
    }
    AddressSlots slots(index);
    const auto slot = slots.take(project_of(app.id));
    if (slot == 0) {
        return fail(ErrorCode::refused,
                    fmt::format("no address is free in project {}", project_of(app.id)));
    }
    // A canary is there for requests alone.
    const auto& release = has_canary(app) ? *scope->serving : *scope->wanted;
    Instance instance{.id = d.draft.fresh_instance("run"),
                      .app = app.id,
                      .release = release.number,
                      .process = "run",
                      .kind = InstanceKind::run,
                      .node = d.world().self,
                      .restart_count = app.restart_count,
                      .address_slot = slot,
                      .command = command.command,
                      .volumes = volumes_for_one_off(d, *scope, release),
                      .terminal = command.terminal,
                      .created = d.now(),
                      .goal_since = d.draft.now().steady,
                      .drained_version = {},
                      .trash = {}};
    d.effects.push_back(
        fmt::format("run {} of release {} in a fresh instance; what it writes "
                    "outside volumes goes to the trash",
                    command.command.front(), release.number));
    d.reply = {.app = app.id,
               .release = release.number,
               .generation = app.generation,
               .instance = instance.id,
               .volume = {},
               .text = fmt::format("{} runs", instance.id.text)};
    d.draft.tell(EventLevel::info, "instance.one_off", app.id, instance.id.text,
                 fmt::format("{} runs {} by command", instance.id.text, command.command.front()));
    d.draft.put(std::move(instance));
    return {};
}

Status decide_on(Decision& d, const StopInstanceCommand& command) {
    const auto* found = d.draft.instance(command.instance);
    if (found == nullptr) {
        return fail(ErrorCode::not_found, fmt::format("instance {}: there is none; see `moln ps`",
                                                      command.instance.text));
    }
    // One that drains finishes what it has begun before its signal comes: only --now cuts that.
    const bool leaves = found->goal == InstanceGoal::drain || found->goal == InstanceGoal::stop;
    if (found->goal == InstanceGoal::remove || found->goal == InstanceGoal::kill ||
        (!command.now && leaves)) {
        return fail(ErrorCode::refused,
                    fmt::format("{} is being stopped already", command.instance.text));
    }
    Member member{.instance = found, .seen = nullptr, .edge = {}};
    const bool service = found->kind == InstanceKind::service;
    if (command.now) {
        d.effects.push_back(fmt::format("kill {} at once, with all it has begun", found->id.text));
        set_goal(d.draft, member, InstanceGoal::kill);
    } else if (service && found->goal == InstanceGoal::run) {
        // No longer current: it is replaced as in a restart, and drained once that serves.
        Instance next = *found;
        next.restart_count = -1;
        d.effects.push_back(
            fmt::format("start another in place of {}, then drain it", next.id.text));
        d.draft.put(std::move(next));
    } else {
        d.effects.push_back(fmt::format("send {} its stop signal", found->id.text));
        set_goal(d.draft, member, InstanceGoal::stop);
    }
    const auto& app = d.draft.instance(command.instance)->app;
    d.reply.app = app;
    d.reply.instance = command.instance;
    d.reply.text = fmt::format("{} is being stopped", command.instance.text);
    d.draft.tell(EventLevel::info, "instance.stopped", app, command.instance.text,
                 fmt::format("{} is {} by command", command.instance.text,
                             command.now ? "killed" : "stopped"));
    return {};
}

}  // namespace moln::plan
