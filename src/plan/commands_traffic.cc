// The canary's share, its promotion, and maintenance: whom requests are led to, not what runs.
#include <utility>

#include <fmt/format.h>

#include "plan/canary.h"
#include "plan/decision.h"

namespace moln::plan {
namespace {

Result<App> app_with_canary(const Decision& d, const AppId& id) {
    MOLN_ASSIGN(auto app, app_to_change(d, id));
    if (has_canary(app)) return app;
    return fail(ErrorCode::refused,
                fmt::format("{} has no canary: `moln deploy --canary` makes one", app.id.text));
}

}  // namespace

Status canary_fits(const App& app, const AppConfig& config, const CanarySpec& canary) {
    MOLN_TRY(validate_canary(canary));
    if (app.release_served == 0) {
        return fail(ErrorCode::refused,
                    fmt::format("{} has no release that serves beside a canary: deploy it without",
                                app.id.text));
    }
    if (config.site) {
        return fail(ErrorCode::refused,
                    fmt::format("{} cannot have a canary: the edge serves its site, all of it from "
                                "one release",
                                app.id.text));
    }
    for (const auto& volume : config.volumes) {
        if (volume.sharing != Sharing::exclusive || volume.lifetime == Lifetime::instance) continue;
        return fail(ErrorCode::refused,
                    fmt::format("{} cannot have a canary: its volume {} is in one instance's hands "
                                "at a time (sharing = \"shared\" lets several have it)",
                                app.id.text, volume.name));
    }
    return {};
}

Status decide_on(Decision& d, const SetCanaryCommand& command) {
    MOLN_ASSIGN(auto app, app_with_canary(d, command.app));
    MOLN_TRY(validate_canary(command.canary));
    auto words = fmt::format("release {} of {} gets {}", app.release, app.id.text,
                             canary_words(command.canary));
    d.effects.push_back(words);
    d.draft.tell(EventLevel::info, "canary.set", app.id, std::to_string(app.release), words);
    app.canary = command.canary;
    change_app(d, std::move(app), std::move(words));
    return {};
}

Status decide_on(Decision& d, const PromoteCommand& command) {
    MOLN_ASSIGN(auto app, app_with_canary(d, command.app));
    auto words = fmt::format("release {} of {} takes the place of release {}", app.release,
                             app.id.text, app.release_served);
    d.effects.push_back(words);
    d.draft.tell(EventLevel::info, "canary.promoted", app.id, std::to_string(app.release), words);
    if (const auto* release = d.draft.release(app.id, app.release)) {
        explain_lost_processes(d, app.id, release->config);
        explain_lost_routes(d, app, release->config, app.release);
        words += explain_taken_routes(d, app, release->config, app.release);
    }
    app.canary.reset();
    app.rollout.state = RolloutState::switching;
    d.reply.release = app.release;
    change_app(d, std::move(app), std::move(words));
    return {};
}

Status decide_on(Decision& d, const SetMaintenanceCommand& command) {
    MOLN_ASSIGN(auto app, app_to_change(d, command.app));
    const bool on = command.maintenance.has_value();
    if (on) MOLN_TRY(validate_maintenance(*command.maintenance));
    if (!on && !app.maintenance) {
        return fail(ErrorCode::refused, fmt::format("{} is not in maintenance", app.id.text));
    }
    auto words = on ? fmt::format("{} is in maintenance: its routes answer 503", app.id.text)
                    : fmt::format("{} is out of maintenance", app.id.text);
    d.effects.push_back(words);
    d.draft.tell(EventLevel::info, on ? "maintenance.on" : "maintenance.off", app.id, app.id.text,
                 words);
    app.maintenance = command.maintenance;
    change_app(d, std::move(app), std::move(words));
    return {};
}

}  // namespace moln::plan
