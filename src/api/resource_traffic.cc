// Whom requests are led to: canaries and maintenance.
#include "api/call.h"
#include "api/table.h"

namespace moln::api {
namespace {

void canary_set(std::shared_ptr<Call> call) {
    const auto canary = call->body_as<CanarySpec>();
    if (auto valid = validate_canary(canary); !valid) return call->fail(valid.error());
    call->execute(SetCanaryCommand{call->app(), canary});
}

void promote(std::shared_ptr<Call> call) {
    call->execute(PromoteCommand{call->app()});
}

void maintenance_on(std::shared_ptr<Call> call) {
    auto maintenance = call->body_as<MaintenanceSpec>();
    if (auto valid = validate_maintenance(maintenance); !valid) return call->fail(valid.error());
    call->execute(SetMaintenanceCommand{call->app(), std::move(maintenance)});
}

void maintenance_off(std::shared_ptr<Call> call) {
    call->execute(SetMaintenanceCommand{call->app(), std::nullopt});
}

}  // namespace

std::vector<Endpoint> traffic_endpoints() {
    const std::vector<ErrorCode> usual = {ErrorCode::not_found, ErrorCode::conflict,
                                          ErrorCode::refused};
    const auto change = json_reply<ChangeView>();
    return {
        {.method = Method::put,
         .path = "/v1/apps/{app}/canary",
         .summary = "Which requests the canary that runs gets from now on",
         .cli = "canary",
         .query = {project_param(), wait_param()},
         .body = json_body<CanarySpec>(),
         .reply = change,
         .errors = usual,
         .handle = canary_set},
        {.method = Method::post,
         .path = "/v1/apps/{app}/promote",
         .summary = "Let the canary take the place of the release that serves",
         .cli = "promote",
         .query = {project_param(), wait_param()},
         .reply = change,
         .errors = usual,
         .handle = promote},
        {.method = Method::put,
         .path = "/v1/apps/{app}/maintenance",
         .summary = "Answer the app's requests with 503 and a page; instances run on",
         .cli = "maintenance on",
         .query = {project_param(), wait_param()},
         .body = json_body<MaintenanceSpec>(),
         .reply = change,
         .errors = usual,
         .handle = maintenance_on},
        {.method = Method::delete_,
         .path = "/v1/apps/{app}/maintenance",
         .summary = "Let the app answer again",
         .cli = "maintenance off",
         .query = {project_param(), wait_param()},
         .reply = change,
         .errors = usual,
         .handle = maintenance_off},
    };
}

}  // namespace moln::api
