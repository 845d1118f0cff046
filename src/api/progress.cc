#include "api/progress.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "api/view.h"
#include "model/canary.h"
#include "model/words.h"

namespace moln::api {
namespace {

std::string instance_line(const InstanceView& view) {
    std::string word(enum_word(view.state));
    std::ranges::replace(word, '_', ' ');
    if (view.text.empty()) return fmt::format("{}: {}", view.id.text, word);
    if (view.text.starts_with(word)) return fmt::format("{}: {}", view.id.text, view.text);
    return fmt::format("{}: {} ({})", view.id.text, word, view.text);
}

bool looks_bad(const InstanceView& view) {
    return view.last_exit.has_value() || view.state == InstanceState::failed ||
           view.state == InstanceState::unhealthy;
}

struct Counts {
    std::map<std::string, std::int64_t> ready;
    bool crash_loop = false;
};

Counts look_at_instances(const World& world, const App& app, std::int64_t release,
                         Progress& progress) {
    Counts counts;
    for (const auto& [id, instance] : world.instances) {
        const bool wanted = instance.app == app.id && instance.release == release &&
                            instance.kind == InstanceKind::service &&
                            instance.restart_count == app.restart_count;
        if (!wanted) continue;
        const auto view = instance_view(world, instance);
        progress.instances[id] = instance_line(view);
        if (is_ready(view)) {
            ++counts.ready[instance.process];
            progress.ready.insert(id);
        }
        if (looks_bad(view) || progress.failing.empty()) progress.failing = id;
        const bool looping =
            view.restarts >= k_restarts_until_failed && view.state == InstanceState::backing_off;
        if (looping && !counts.crash_loop) {
            counts.crash_loop = true;
            progress.failing = id;
            progress.reason = fmt::format("{} keeps ending: {}", id.text, view.last_exit_text);
        }
    }
    return counts;
}

// Who is told that a release serves may ask it at once: no edge that we hear may still send to
// another.
bool edges_follow(const World& world) {
    const auto wanted = std::pair(world.edge.epoch, world.edge.version);
    return std::ranges::all_of(world.edges, [&](const auto& entry) {
        const EdgeSeen& edge = entry.second;
        return !edge.connected ||
               std::pair(edge.report.acked_epoch, edge.report.acked_version) >= wanted;
    });
}

bool belongs_to(const Instance& instance, const Departure& departure) {
    if (!departure.instance.text.empty()) return instance.id == departure.instance;
    if (instance.app != departure.app) return false;
    return departure.run == AppRun::removing || instance.kind == InstanceKind::service;
}

}  // namespace

std::optional<Departure> departure_by(const Command& command) {
    if (const auto* stop = std::get_if<StopCommand>(&command)) {
        return Departure{.app = stop->app, .run = AppRun::stopped, .instance = {}};
    }
    if (const auto* removal = std::get_if<RemoveAppCommand>(&command)) {
        return Departure{.app = removal->app, .run = AppRun::removing, .instance = {}};
    }
    if (const auto* stop = std::get_if<StopInstanceCommand>(&command)) {
        return Departure{.app = {}, .run = AppRun::stopped, .instance = stop->instance};
    }
    return std::nullopt;
}

Progress progress_of(const World& world, const Departure& departure) {
    Progress progress;
    for (const auto& [id, instance] : world.instances) {
        if (!belongs_to(instance, departure)) continue;
        progress.instances[id] = instance_line(instance_view(world, instance));
    }
    progress.summary =
        fmt::format("{} to end", count_words(std::int64_t(progress.instances.size()), "instance"));
    const auto app = world.apps.find(departure.app);
    const bool whole = departure.instance.text.empty();
    if (whole && app != world.apps.end() && app->second.run != departure.run) {
        progress.state = ProgressState::superseded;
        progress.reason = fmt::format("it is to be {} now", enum_word(app->second.run));
        return progress;
    }
    const bool app_stays = whole && departure.run == AppRun::removing && app != world.apps.end();
    if (progress.instances.empty() && !app_stays) progress.state = ProgressState::settled;
    return progress;
}

bool concerns_edges_alone(const Command& command) {
    return std::holds_alternative<AddRouteCommand>(command) ||
           std::holds_alternative<RemoveRouteCommand>(command) ||
           std::holds_alternative<SetMaintenanceCommand>(command) ||
           std::holds_alternative<SetCanaryCommand>(command);
}

Progress progress_of(const World& world, Planned planned) {
    Progress progress;
    progress.summary = "an edge has not heard of it yet";
    if (planned == Planned::yes && edges_follow(world)) progress.state = ProgressState::settled;
    return progress;
}

Progress progress_of(const World& world, const App& app, std::int64_t release) {
    Progress progress;
    const auto counts = look_at_instances(world, app, release, progress);
    if (app.rollout.to == release && app.rollout.state == RolloutState::failed) {
        progress.state = ProgressState::failed;
        progress.reason = app.rollout.reason;
        return progress;
    }
    const bool beside = has_canary(app) && release == app.release_served;
    if (app.release != release && !beside) {
        progress.state = ProgressState::superseded;
        progress.reason = fmt::format("release {} is wanted now", app.release);
        return progress;
    }
    if (app.rollout.state == RolloutState::canary && !beside) {
        progress.summary = "it gets its part of the requests";
        if (edges_follow(world)) progress.state = ProgressState::settled;
        return progress;
    }
    const auto* wanted = find_release(world, app.id, release);
    bool all_ready = true;
    if (wanted != nullptr) {
        for (const auto& [name, spec] : wanted->config.processes) {
            const auto number = wanted_instances(app, name, spec);
            const auto found = counts.ready.find(name);
            const auto ready = found == counts.ready.end() ? 0 : found->second;
            all_ready = all_ready && ready >= number;
            if (number == 0) continue;
            if (!progress.summary.empty()) progress.summary += ", ";
            progress.summary += fmt::format("{} {} of {} ready", name, ready, number);
        }
    }
    if (app.run != AppRun::running) progress.summary = std::string(enum_word(app.run));
    const bool rolling = app.rollout.state == RolloutState::switching && !beside;
    if (all_ready && !rolling) {
        if (edges_follow(world)) progress.state = ProgressState::settled;
    } else if (counts.crash_loop && !rolling) {
        progress.state = ProgressState::failed;
    }
    return progress;
}

}  // namespace moln::api
