#include <fmt/format.h>

#include "api/call.h"
#include "api/deploy.h"
#include "api/table.h"
#include "api/view.h"

namespace moln::api {
namespace {

void releases(std::shared_ptr<Call> call) {
    const auto app = call->find_app();
    if (!app) return call->fail(app.error());
    call->reply(Items<ReleaseView>{release_views(call->world(), **app)});
}

void release(std::shared_ptr<Call> call) {
    const auto app = call->find_app();
    if (!app) return call->fail(app.error());
    const auto number = call->number("number", 0);
    const auto* found = find_release(call->world(), call->app(), number);
    if (found == nullptr || std::to_string(number) != call->text("number")) {
        return call->fail({ErrorCode::not_found,
                           fmt::format("app {}: there is no release {}; see `moln releases`",
                                       call->text("app"), call->text("number"))});
    }
    call->reply(release_view(**app, *found));
}

void rollback(std::shared_ptr<Call> call) {
    const RollbackCommand command{call->app(), call->body_as<RollbackBody>().release};
    if (!call->flag("dry_run")) return call->execute(command);
    const auto effects = call->control().preview(command);
    if (!effects) return call->fail(effects.error());
    call->reply(PlanView{.app = call->app(), .effects = *effects});
}

}  // namespace

std::vector<Endpoint> deploy_endpoints() {
    return {
        {.method = Method::post,
         .path = "/v1/apps/{app}/deploys",
         .summary = "Build a source folder, or import an image, and switch to it",
         .cli = "deploy",
         .query = {project_param(),
                   {.name = "dry_run",
                    .kind = ParamKind::flag,
                    .help = "end with a PlanView of what would be done; do nothing"},
                   {.name = "wait",
                    .kind = ParamKind::flag,
                    .help = "0: end when the release is made, do not wait for the switch"},
                   {.name = "folder", .help = "the source folder's name, for messages"},
                   {.name = "platform", .help = "platform image; without it, the default one"},
                   {.name = "canary",
                    .kind = ParamKind::number,
                    .help = "serve beside what serves now: per cent of the clients, 0 to 100"},
                   {.name = "canary_header",
                    .help = "with canary: requests with it too, \"X-Canary\", \"X-Canary: yes\""},
                   {.name = "canary_cookie",
                    .help = "with canary: requests with it too, \"canary\", \"canary=yes\""},
                   {.name = "mirror",
                    .kind = ParamKind::number,
                    .help = "with canary: a copy of per cent of the other requests, 0 to 100"}},
         .body = {BodyKind::source, type_info<DeployImageBody>(), k_source_bytes_max},
         .reply = {ReplyKind::lines, type_info<ChangeView>(),
                   "{\"line\": text} of progress, then {\"result\": ChangeView} or {\"error\": …}; "
                   "an error before the first line is a plain answer. To go away before the "
                   "release is made cancels the build; afterwards the switch goes on."},
         .errors = {ErrorCode::conflict, ErrorCode::refused, ErrorCode::full},
         .handle = deploy},
        {.path = "/v1/apps/{app}/releases",
         .summary = "The releases that are kept, newest first",
         .cli = "releases",
         .query = {project_param()},
         .reply = json_reply<Items<ReleaseView>>(),
         .errors = {ErrorCode::not_found},
         .handle = releases},
        {.path = "/v1/apps/{app}/releases/{number}",
         .summary = "One release with its whole configuration",
         .cli = "releases --json",
         .query = {project_param()},
         .reply = json_reply<ReleaseView>(),
         .errors = {ErrorCode::not_found},
         .handle = release},
        {.method = Method::post,
         .path = "/v1/apps/{app}/rollback",
         .summary = "Switch back to an earlier release",
         .cli = "rollback",
         .query = {project_param(),
                   wait_param(),
                   {.name = "dry_run",
                    .kind = ParamKind::flag,
                    .help = "answer a PlanView: what would be done; do nothing"}},
         .body = json_body<RollbackBody>(),
         .reply = json_reply<ChangeView>(),
         .errors = {ErrorCode::not_found, ErrorCode::conflict, ErrorCode::refused},
         .handle = rollback},
    };
}

}  // namespace moln::api
