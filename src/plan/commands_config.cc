// Scale, env, secrets, routes: what is laid over a release.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "model/limits.h"
#include "model/validate.h"
#include "plan/decision.h"
#include "plan/scope.h"

namespace moln::plan {
namespace {

Status check_scale(const App& app, const Release& release, const std::string& name,
                   std::int64_t count) {
    const auto* process = find_process(&release, name);
    if (process == nullptr) {
        std::string known;
        for (const auto& [other, spec] : release.config.processes) {
            known += (known.empty() ? "" : ", ") + other;
        }
        return fail(ErrorCode::not_found,
                    fmt::format("{} has no process {}: it has {}", app.id.text, name, known));
    }
    const auto max = process->kind == ProcessKind::cron ? 1 : k_instances_per_process_max;
    if (count < 0 || count > max) {
        return fail(ErrorCode::refused, fmt::format("{} of {} may have 0 to {} instances, not {}",
                                                    name, app.id.text, max, count));
    }
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
        d.effects.push_back(
            fmt::format("make release {} of {} with the same image and switch to "
                        "it",
                        number, app.id.text));
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
    const auto* release = d.draft.release(app.id, app.release);
    if (release == nullptr) {
        return fail(ErrorCode::refused,
                    fmt::format("{} has no release yet: deploy it first", app.id.text));
    }
    if (command.instances.empty()) {
        return fail(ErrorCode::invalid, "expected at least one PROCESS=NUMBER");
    }
    std::string words;
    for (const auto& [name, count] : command.instances) {
        MOLN_TRY(check_scale(app, *release, name, count));
        const auto before = asked_count(app, name, release->config.processes.at(name));
        app.scale[name] = count;
        words += fmt::format("{}{}={}", words.empty() ? "" : " ", name, count);
        d.effects.push_back(count >= before
                                ? fmt::format("start {} more {}", count - before, name)
                                : fmt::format("drain and stop {} {}", before - count, name));
    }
    MOLN_TRY(fits(d, app, release->config));
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
                        fmt::format("{} has no variable {} set by moln env", app.id.text, name));
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
                        fmt::format("{} has no secret {}", app.id.text, command.name));
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

Status decide_on(Decision& d, const AddRouteCommand& command) {
    MOLN_ASSIGN(auto app, app_to_change(d, command.app));
    const auto& route = command.route;
    if (auto host = validate_host(route.host); !host) return fail_in("host", host.error());
    if (auto path = validate_route_path(route.path); !path) return fail_in("path", path.error());
    if (auto hsts = validate_hsts(route.hsts); !hsts) return fail_in("hsts", hsts.error());
    const auto* release = d.draft.release(app.id, app.release);
    const auto* process = find_process(release, route.process);
    if (process == nullptr || process->kind != ProcessKind::web) {
        return fail(ErrorCode::not_found, fmt::format("{} has no web process {} to route to",
                                                      app.id.text, route.process));
    }
    const auto same = [&](const RouteSpec& other) {
        return other.host == route.host && other.path == route.path;
    };
    if (std::ranges::any_of(app.routes, same) ||
        std::ranges::any_of(release->config.routes, same)) {
        return fail(ErrorCode::exists, fmt::format("{} has the route {}{} already", app.id.text,
                                                   route.host, route.path));
    }
    if (const auto owner = route_owner(d.world(), app.id, route); !owner.empty()) {
        return fail(ErrorCode::exists,
                    fmt::format("route {}{} belongs to {}: remove it there or choose another",
                                route.host, route.path, owner.text));
    }
    if (app.routes.size() >= k_routes_per_app_max) {
        return fail(ErrorCode::refused, fmt::format("{} has {} routes: no more are allowed",
                                                    app.id.text, k_routes_per_app_max));
    }
    app.routes.push_back(route);
    d.effects.push_back(fmt::format("route {}{} to {}", route.host, route.path, route.process));
    d.draft.tell(
        EventLevel::info, "route.added", app.id, route.host + route.path,
        fmt::format("{}{} leads to {} of {}", route.host, route.path, route.process, app.id.text));
    change_app(d, std::move(app),
               fmt::format("{}{} leads to {}", route.host, route.path, command.app.text));
    return {};
}

Status decide_on(Decision& d, const RemoveRouteCommand& command) {
    MOLN_ASSIGN(auto app, app_to_change(d, command.app));
    const auto count = std::erase_if(app.routes, [&](const RouteSpec& route) {
        return route.host == command.host && route.path == command.path;
    });
    if (count == 0) {
        return fail(ErrorCode::not_found,
                    fmt::format("{} has no route {}{} of its own (those of moln.toml go with a "
                                "deploy)",
                                app.id.text, command.host, command.path));
    }
    d.effects.push_back(fmt::format("no longer route {}{}", command.host, command.path));
    d.draft.tell(
        EventLevel::info, "route.removed", app.id, command.host + command.path,
        fmt::format("{}{} no longer leads to {}", command.host, command.path, app.id.text));
    change_app(
        d, std::move(app),
        fmt::format("{}{} no longer leads to {}", command.host, command.path, command.app.text));
    return {};
}

}  // namespace moln::plan
