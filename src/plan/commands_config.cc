// Scale, env, secrets, routes: what is laid over a release.
#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "model/canary.h"
#include "model/certificate_advice.h"
#include "model/limits.h"
#include "model/route.h"
#include "model/validate.h"
#include "plan/decision.h"
#include "plan/scope.h"

namespace moln::plan {
namespace {

Status is_process(const App& app, const std::vector<const Release*>& releases,
                  const std::string& name) {
    std::set<std::string> known;
    for (const auto* release : releases) {
        for (const auto& [other, spec] : release->config.processes) known.insert(other);
    }
    if (known.contains(name)) return {};
    return fail(ErrorCode::not_found,
                fmt::format("{} has no process {}: it has {}", app.id.text, name,
                            known.empty() ? "a site, which the edge serves"
                                          : fmt::format("{}", fmt::join(known, ", "))));
}

Status check_scale(const App& app, const ProcessSpec& process, const std::string& name,
                   std::int64_t count) {
    const auto max = process.kind == ProcessKind::cron ? 1 : k_instances_per_process_max;
    if (count >= 0 && count <= max) return {};
    return fail(ErrorCode::refused, fmt::format("{} of {} may have 0 to {} instances, not {}", name,
                                                app.id.text, max, count));
}

// Sets the number for one release, of which it says what follows.
Status scale_one(Decision& d, const App& app, const Release& release, const std::string& name,
                 std::int64_t count) {
    const auto* process = find_process(&release, name);
    if (process == nullptr) return {};
    MOLN_TRY(check_scale(app, *process, name, count));
    const bool of_canary = has_canary(app) && release.number == app.release;
    // A canary is there for requests: until it is promoted it has no others.
    if (of_canary && process->kind != ProcessKind::web) return {};
    const auto more = count - asked_count(app, name, *process);
    const auto* of = of_canary ? " of the canary" : "";
    d.effects.push_back(more >= 0 ? fmt::format("start {} more {}{}", more, name, of)
                                  : fmt::format("drain and stop {} {}{}", -more, name, of));
    return {};
}

std::string names_of(const SetEnvCommand& command) {
    std::string text;
    for (const auto& [name, value] : command.set) text += (text.empty() ? "" : " ") + name;
    for (const auto& name : command.unset) text += (text.empty() ? "-" : " -") + name;
    return text;
}

// "a new release follows" or "recorded for the first release".
std::string outcome_words(const App& app, std::int64_t number) {
    if (number == 0) return fmt::format("{}: recorded for its first release", app.id.text);
    return fmt::format("{}: release {}", app.id.text, number);
}

Status renew(Decision& d, App app, const std::string& description) {
    MOLN_ASSIGN(const auto number, renew_release(d, app, description));
    if (number != 0) {
        d.effects.push_back(fmt::format("make release {} of {} with the same image and {}", number,
                                        app.id.text,
                                        app.canary ? "let it be the canary" : "switch to it"));
        d.draft.tell(EventLevel::info, "release.made", app.id, std::to_string(number),
                     fmt::format("release {} of {}: {}", number, app.id.text, description));
    }
    auto text = outcome_words(app, number);
    change_app(d, std::move(app), std::move(text));
    return {};
}

}  // namespace

Status decide_on(Decision& d, const ScaleCommand& command) {
    MOLN_ASSIGN(auto app, app_to_change(d, command.app));
    const auto releases = releases_at_hand(d, app);
    if (releases.empty()) {
        return fail(ErrorCode::refused,
                    fmt::format("{} has no release yet: deploy it first", app.id.text));
    }
    if (command.instances.empty()) {
        return fail(ErrorCode::invalid, "expected at least one PROCESS=NUMBER");
    }
    std::string words;
    for (const auto& [name, count] : command.instances) {
        MOLN_TRY(is_process(app, releases, name));
        for (const auto* release : releases) {
            MOLN_TRY(scale_one(d, app, *release, name, count));
        }
        app.scale[name] = count;
        words += fmt::format("{}{}={}", words.empty() ? "" : " ", name, count);
    }
    for (const auto* release : releases) MOLN_TRY(fits(d, app, release->config));
    d.draft.tell(EventLevel::info, "app.scaled", app.id, app.id.text,
                 fmt::format("{} is scaled to {}", app.id.text, words));
    change_app(d, std::move(app), fmt::format("{}: {}", command.app.text, words));
    return {};
}

Status decide_on(Decision& d, const SetEnvCommand& command) {
    MOLN_ASSIGN(auto app, app_to_change(d, command.app));
    for (const auto& name : command.unset) {
        if (app.env.erase(name) == 0) {
            return fail(ErrorCode::not_found,
                        fmt::format("{} has no variable {} that was set; see `moln env ls`",
                                    app.id.text, name));
        }
    }
    for (const auto& [name, value] : command.set) {
        if (app.secrets.contains(name)) {
            return fail(ErrorCode::exists,
                        fmt::format("{} is a secret of {}: unset it first", name, app.id.text));
        }
        app.env[name] = value;
    }
    if (command.set.empty() && command.unset.empty()) {
        return fail(ErrorCode::invalid, "expected at least one NAME=VALUE");
    }
    if (auto env = validate_env(app.env); !env) return fail_in("env", env.error());
    return renew(d, std::move(app), "env " + names_of(command));
}

Status decide_on(Decision& d, const SetSecretCommand& command) {
    MOLN_ASSIGN(auto app, app_to_change(d, command.app));
    if (auto name = validate_env_name(command.name); !name) {
        return fail_in(fmt::format("secret \"{}\"", command.name), name.error());
    }
    if (!command.sealed) {
        if (app.secrets.erase(command.name) == 0) {
            return fail(ErrorCode::not_found,
                        fmt::format("{} has no secret {}; see `moln secret ls`", app.id.text,
                                    command.name));
        }
        return renew(d, std::move(app), "secret -" + command.name);
    }
    if (app.env.contains(command.name)) {
        return fail(ErrorCode::exists, fmt::format("{} is a plain variable of {}: unset it first",
                                                   command.name, app.id.text));
    }
    app.secrets[command.name] = *command.sealed;
    if (app.secrets.size() > k_env_entries_max) {
        return fail(ErrorCode::refused, fmt::format("{} has {} secrets: no more are allowed",
                                                    app.id.text, k_env_entries_max));
    }
    return renew(d, std::move(app), "secret " + command.name);
}

// A route asks a process that does not speak HTTP: the new one, or one that asks the process which
// the new one leads to.
Status asks_in_vain(const AppConfig& config, const App& app, const RouteSpec& added) {
    for (const auto* routes : {&app.routes, &config.routes}) {
        for (const auto& route : *routes) {
            if (!route.forward_auth) continue;
            const auto& process = route.forward_auth->process;
            if (process != added.process && !same_place(route, added)) continue;
            const auto why = not_asked_why(config, app.routes, process);
            if (why.empty()) continue;
            return fail(ErrorCode::invalid, fmt::format("route {} of {}: forward_auth: process: {}",
                                                        route_words(route), app.id.text, why));
        }
    }
    return {};
}

Status leads_in_one(const App& app, const std::vector<const Release*>& releases,
                    const RouteSpec& route) {
    const auto leads = [&](const Release* one) { return leads_somewhere(one->config, route); };
    if (std::ranges::any_of(releases, leads)) return {};
    return fail(ErrorCode::not_found,
                fmt::format("{} has no web process {} to route to", app.id.text, route.process));
}

// Of two releases one may not have the process.
std::string meanwhile(const std::vector<const Release*>& releases, const RouteSpec& route) {
    const auto next = releases.back()->number;
    if (!leads_somewhere(releases.front()->config, route)) {
        return fmt::format(" once release {} serves", next);
    }
    if (leads_somewhere(releases.back()->config, route)) return "";
    return fmt::format(" until release {} serves, which has no web process {}", next,
                       route.process);
}

Status decide_on(Decision& d, const AddRouteCommand& command) {
    MOLN_ASSIGN(auto app, app_to_change(d, command.app));
    const auto& route = command.route;
    MOLN_TRY(validate(route));
    const auto releases = releases_at_hand(d, app);
    MOLN_TRY(leads_in_one(app, releases, route));
    const auto words = route_words(route);
    const auto same = [&](const RouteSpec& other) { return same_place(route, other); };
    for (const auto* release : releases) {
        if (std::ranges::none_of(release->config.routes, same)) continue;
        return fail(ErrorCode::exists,
                    fmt::format("{} has the route {} already, by its moln.toml: change it there "
                                "and deploy",
                                app.id.text, words));
    }
    const bool replaces = std::erase_if(app.routes, same) > 0;
    if (replaces && !command.replace) {
        return fail(ErrorCode::exists,
                    fmt::format("{} has the route {} already: --replace sets it anew, with what "
                                "is said alone",
                                app.id.text, words));
    }
    MOLN_TRY(route_is_free(d.world(), app.id, route));
    for (const auto& other : app.routes) MOLN_TRY(begins_alike(route, other, app.id));
    for (const auto* release : releases) {
        for (const auto& other : release->config.routes) {
            MOLN_TRY(begins_alike(route, other, app.id));
        }
    }
    if (app.routes.size() >= k_routes_per_app_max) {
        return fail(ErrorCode::refused, fmt::format("{} has {} routes: no more are allowed",
                                                    app.id.text, k_routes_per_app_max));
    }
    app.routes.push_back(route);
    std::string process;  // of the first release that has it
    for (const auto* release : releases) {
        if (!leads_somewhere(release->config, route)) continue;
        MOLN_TRY(asks_in_vain(release->config, app, route));
        if (process.empty()) process = served_process(release->config, route.process);
    }
    d.effects.push_back(fmt::format("route {} to {}", words, process));
    d.draft.tell(EventLevel::info, replaces ? "route.replaced" : "route.added", app.id, words,
                 fmt::format("{} leads to {} of {}{}", words, process, app.id.text,
                             replaces ? " by new rules" : ""));
    const auto owner = taken_from(d.world(), command.app, route);
    const auto advice = is_stream(route) ? "" : certificate_advice(d.world(), route.host, d.now());
    change_app(
        d, std::move(app),
        fmt::format("{} leads to {}{}{}{}{}", words, command.app.text, meanwhile(releases, route),
                    owner.empty() ? "" : fmt::format("; it led to {} before", owner.text),
                    advice.empty() ? "" : "; ", advice));
    return {};
}

Status decide_on(Decision& d, const RemoveRouteCommand& command) {
    MOLN_ASSIGN(auto app, app_to_change(d, command.app));
    const RouteSpec route{.host = command.host, .path = command.path, .listen = command.listen};
    const auto words = route_words(route);
    const auto count =
        std::erase_if(app.routes, [&](const RouteSpec& other) { return same_place(route, other); });
    if (count == 0) {
        return fail(
            ErrorCode::not_found,
            fmt::format(
                "{} has no route {} that was added; see `moln route ls` (those of moln.toml "
                "go with a deploy)",
                app.id.text, words));
    }
    d.effects.push_back(fmt::format("no longer route {}", words));
    d.draft.tell(EventLevel::info, "route.removed", app.id, words,
                 fmt::format("{} no longer leads to {}", words, app.id.text));
    change_app(d, std::move(app), fmt::format("{} no longer leads to {}", words, command.app.text));
    return {};
}

}  // namespace moln::plan
