#include <algorithm>

#include <fmt/format.h>

#include "api/call.h"
#include "api/table.h"
#include "api/view.h"
#include "model/route.h"
#include "model/validate.h"

namespace moln::api {
namespace {

void env_list(std::shared_ptr<Call> call) {
    const auto app = call->find_app();
    if (!app) return call->fail(app.error());
    call->reply(Items<EnvView>{env_views(call->world(), **app)});
}

void env_change(std::shared_ptr<Call> call) {
    auto body = call->body_as<EnvBody>();
    if (body.set.empty() && body.unset.empty()) {
        return call->fail({ErrorCode::invalid, "expected something in \"set\" or in \"unset\""});
    }
    if (auto valid = validate_env(body.set); !valid) return call->fail(valid.error());
    call->execute(SetEnvCommand{call->app(), std::move(body.set), std::move(body.unset)});
}

void secret_list(std::shared_ptr<Call> call) {
    const auto app = call->find_app();
    if (!app) return call->fail(app.error());
    call->reply(Items<SecretView>{secret_views(**app)});
}

// The value is sealed before it becomes a command: no command, log or store sees it open.
void secret_set(std::shared_ptr<Call> call) {
    const Secret value(std::exchange(call->request.body, {}));
    const auto app = call->find_app();
    if (!app) return call->fail(app.error());
    const auto name = call->text("name");
    if (auto valid = validate_env_name(name); !valid) {
        return call->fail({ErrorCode::invalid, "secret name: " + valid.error().reason});
    }
    if (value.empty()) {
        return call->fail({ErrorCode::invalid,
                           fmt::format("secret {}: expected its value as the body; to remove it, "
                                       "use DELETE",
                                       name)});
    }
    if (value.reveal().find('\0') != std::string::npos) {
        return call->fail({ErrorCode::invalid,
                           fmt::format("secret {}: holds a NUL byte, which no environment can; "
                                       "encode it, as with base64",
                                       name)});
    }
    auto sealed = call->control().seal(call->app(), name, value);
    if (!sealed) return call->fail(sealed.error());
    call->execute(SetSecretCommand{call->app(), name, std::move(*sealed)});
}

void secret_remove(std::shared_ptr<Call> call) {
    call->execute(SetSecretCommand{call->app(), call->text("name"), std::nullopt});
}

// Who passes on what comes to its port.
void add_path(const std::vector<StreamPath>& paths, RouteView& view) {
    const auto path = std::ranges::find(paths, view.listen, &StreamPath::listen);
    if (view.listen.empty() || path == paths.end()) return;
    view.via = enum_word(path->via);
    view.via_why = path->why;
    if (view.problem.empty() && view.keep_source) view.problem = path->problem;
}

void route_list(std::shared_ptr<Call> call) {
    const auto filter = call->app_filter();
    const auto paths = call->stream_paths();
    std::vector<RouteView> views;
    for (const auto& [id, app] : call->world().apps) {
        if (!AppFilter{call->project(), filter}.takes(id)) continue;
        for (auto& view : route_views(call->world(), app)) {
            add_path(paths, view);
            views.push_back(std::move(view));
        }
    }
    call->reply(Items<RouteView>{std::move(views)});
}

void route_add(std::shared_ptr<Call> call) {
    const auto body = call->body_as<RouteBody>();
    RouteSpec route{.host = body.host,
                    .path = body.path,
                    .process = body.process,
                    .https = body.https,
                    .hsts = body.hsts,
                    .listen = body.listen,
                    .port = body.port,
                    .accept_proxy = body.accept_proxy,
                    .send_proxy = body.send_proxy,
                    .idle = body.idle,
                    .cache = body.cache,
                    .rate = body.rate,
                    .auth = body.auth,
                    .forward_auth = body.forward_auth,
                    .client_cert = body.client_cert,
                    .keep_source = body.keep_source};
    if (is_stream(route) && route.host.empty()) route.host = "*";
    if (auto valid = validate(route); !valid) return call->fail(valid.error());
    if (route.client_cert) {
        if (auto good = call->control().check_client_ca(route.client_cert->ca); !good) {
            return call->fail({ErrorCode::invalid, "client_cert.ca: " + good.error().reason});
        }
    }
    if (auto valid = validate_name(body.process); !valid) {
        return call->fail({ErrorCode::invalid, fmt::format("process: {}", valid.error().reason)});
    }
    call->execute(AddRouteCommand{call->app(), std::move(route), call->flag("replace")});
}

void route_remove(std::shared_ptr<Call> call) {
    const auto path = call->text("path");
    const auto listen = call->text("listen");
    auto host = call->text("host");
    if (host.empty() && !listen.empty()) host = "*";
    call->execute(RemoveRouteCommand{call->app(), host, path.empty() ? "/" : path, listen});
}

}  // namespace

std::vector<Endpoint> config_endpoints() {
    const std::vector<ErrorCode> usual = {ErrorCode::not_found, ErrorCode::conflict,
                                          ErrorCode::refused};
    const auto change = json_reply<ChangeView>();
    return {
        {.path = "/v1/apps/{app}/env",
         .summary = "The environment of the wanted release",
         .cli = "env ls",
         .query = {project_param()},
         .reply = json_reply<Items<EnvView>>(),
         .errors = {ErrorCode::not_found},
         .handle = env_list},
        {.method = Method::patch,
         .path = "/v1/apps/{app}/env",
         .summary = "Set and unset variables, all in one release",
         .cli = "env set, env unset",
         .query = {project_param(), wait_param()},
         .body = json_body<EnvBody>(),
         .reply = change,
         .errors = usual,
         .handle = env_change},
        {.path = "/v1/apps/{app}/secrets",
         .summary = "The names of the secrets",
         .cli = "secret ls",
         .query = {project_param()},
         .reply = json_reply<Items<SecretView>>(),
         .errors = {ErrorCode::not_found},
         .handle = secret_list},
        {.method = Method::put,
         .path = "/v1/apps/{app}/secrets/{name}",
         .summary = "Set a secret; the body is its value, byte for byte",
         .cli = "secret set",
         .query = {project_param(), wait_param()},
         .body = {BodyKind::bytes, {}, Bytes{static_cast<std::int64_t>(k_secret_bytes_max)}},
         .reply = change,
         .errors = usual,
         .handle = secret_set},
        {.method = Method::delete_,
         .path = "/v1/apps/{app}/secrets/{name}",
         .summary = "Remove a secret",
         .cli = "secret rm",
         .query = {project_param(), wait_param()},
         .reply = change,
         .errors = usual,
         .handle = secret_remove},
        {.path = "/v1/routes",
         .summary = "Hosts and paths, ports, and which app they lead to",
         .cli = "route ls",
         .query = {project_param(), app_filter_param()},
         .reply = json_reply<Items<RouteView>>(),
         .handle = route_list},
        {.method = Method::post,
         .path = "/v1/apps/{app}/routes",
         .summary = "Add a route beside those of moln.toml",
         .cli = "route add",
         .query = {project_param(),
                   {.name = "replace",
                    .kind = ParamKind::flag,
                    .help = "one that was added at the same place is set anew, as a whole"},
                   wait_param()},
         .body = json_body<RouteBody>(),
         .reply = change,
         .errors = {ErrorCode::not_found, ErrorCode::exists, ErrorCode::conflict,
                    ErrorCode::refused},
         .handle = route_add},
        {.method = Method::delete_,
         .path = "/v1/apps/{app}/routes",
         .summary = "Remove a route that was added",
         .cli = "route rm",
         .query = {project_param(),
                   {.name = "host", .help = "of the route"},
                   {.name = "path", .help = "of the route; without it, /"},
                   {.name = "listen", .help = "of a route without HTTP: tcp:5432"},
                   wait_param()},
         .reply = change,
         .errors = usual,
         .handle = route_remove},
    };
}

}  // namespace moln::api
