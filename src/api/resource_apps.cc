#include "api/call.h"
#include "api/table.h"
#include "api/view.h"

namespace moln::api {
namespace {

void list(std::shared_ptr<Call> call) {
    call->reply(Items<AppView>{app_views(call->world(), call->project())});
}

void get(std::shared_ptr<Call> call) {
    const auto app = call->find_app();
    if (!app) return call->fail(app.error());
    call->reply(app_view(call->world(), **app));
}

void remove(std::shared_ptr<Call> call) {
    if (!call->flag("dry_run")) return call->execute(RemoveAppCommand{call->app()});
    const auto effects = call->control().preview(RemoveAppCommand{call->app()});
    if (!effects) return call->fail(effects.error());
    call->reply(PlanView{.app = call->app(), .effects = *effects});
}

void scale(std::shared_ptr<Call> call) {
    auto body = call->body_as<ScaleBody>();
    if (body.instances.empty()) {
        return call->fail(
            {ErrorCode::invalid, "instances: expected at least one process, as {\"web\": 3}"});
    }
    call->execute(ScaleCommand{call->app(), std::move(body.instances)});
}

template <typename C>
void simple(std::shared_ptr<Call> call) {
    call->execute(C{call->app()});
}

}  // namespace

std::vector<Endpoint> app_endpoints() {
    const std::vector<ErrorCode> usual = {ErrorCode::not_found, ErrorCode::conflict,
                                          ErrorCode::refused};
    const auto change = json_reply<ChangeView>();
    return {
        {.path = "/v1/apps",
         .summary = "All apps of a project",
         .cli = "apps",
         .query = {project_param()},
         .reply = json_reply<Items<AppView>>(),
         .handle = list},
        {.path = "/v1/apps/{app}",
         .summary = "One app: processes, release, URLs",
         .cli = "apps --app APP",
         .query = {project_param()},
         .reply = json_reply<AppView>(),
         .errors = {ErrorCode::not_found},
         .handle = get},
        {.method = Method::delete_,
         .path = "/v1/apps/{app}",
         .summary = "Remove an app; its data goes to the trash",
         .cli = "rm",
         .query = {project_param(),
                   wait_param(),
                   {.name = "dry_run",
                    .kind = ParamKind::flag,
                    .help = "answer a PlanView: what would go where; do nothing"}},
         .reply = change,
         .errors = usual,
         .handle = remove},
        {.method = Method::put,
         .path = "/v1/apps/{app}/scale",
         .summary = "Set how many instances of processes run",
         .cli = "scale",
         .query = {project_param(), wait_param()},
         .body = json_body<ScaleBody>(),
         .reply = change,
         .errors = usual,
         .handle = scale},
        {.method = Method::post,
         .path = "/v1/apps/{app}/restart",
         .summary = "Replace all instances, new ones first",
         .cli = "restart",
         .query = {project_param(), wait_param()},
         .reply = change,
         .errors = usual,
         .handle = simple<RestartCommand>},
        {.method = Method::post,
         .path = "/v1/apps/{app}/stop",
         .summary = "Drain and stop all instances; data stays",
         .cli = "stop",
         .query = {project_param(), wait_param()},
         .reply = change,
         .errors = usual,
         .handle = simple<StopCommand>},
        {.method = Method::post,
         .path = "/v1/apps/{app}/start",
         .summary = "Start a stopped app",
         .cli = "start",
         .query = {project_param(), wait_param()},
         .reply = change,
         .errors = usual,
         .handle = simple<StartCommand>},
    };
}

}  // namespace moln::api
