#include <fmt/format.h>

#include "api/call.h"
#include "api/openapi.h"
#include "api/table.h"
#include "api/top.h"
#include "api/top_routes.h"
#include "api/view.h"

namespace moln::api {
namespace {

void status(std::shared_ptr<Call> call) {
    call->reply(status_view(call->world(), call->context().info, call->control().now()));
}

// The daemon's own gauges, in Prometheus' text format, after the edge's.
std::string own_metrics(const StatusView& view) {
    std::string text;
    const auto gauge = [&](std::string_view name, std::string_view help, std::int64_t value) {
        text += fmt::format("# HELP {0} {1}\n# TYPE {0} gauge\n{0} {2}\n", name, help, value);
    };
    gauge("moln_apps", "Apps.", view.counts.apps);
    gauge("moln_instances_wanted", "Service instances that should run.",
          view.counts.instances_wanted);
    gauge("moln_instances_ready", "Service instances that run and are healthy.",
          view.counts.instances_ready);
    gauge("moln_instances_canary", "Service instances of canaries that run and are healthy.",
          view.counts.instances_canary);
    gauge("moln_instances_draining", "Instances that finish what they had begun.",
          view.counts.instances_draining);
    gauge("moln_volumes", "Volumes.", view.counts.volumes);
    gauge("moln_trash_items", "Things in the trash.", view.counts.trash_items);
    gauge("moln_trash_bytes", "Size of the trash.", view.counts.trash_size.count);
    gauge("moln_disk_free_bytes", "Free under the data directory.", view.disk_free.count);
    gauge("moln_edge_connected", "1 while the edge is connected to the daemon.",
          view.edge.connected ? 1 : 0);
    gauge("moln_uptime_seconds", "Since the daemon started.", view.uptime.count / 1000);
    return text;
}

void metrics(std::shared_ptr<Call> call) {
    call->control().edge_metrics([call](Result<std::string> edge) {
        ApiAnswer answer;
        answer.content_type = "text/plain; version=0.0.4; charset=utf-8";
        // Without its edge the daemon's own numbers are all the more wanted.
        if (edge) answer.body = std::move(*edge);
        answer.body +=
            own_metrics(status_view(call->world(), call->context().info, call->control().now()));
        call->exchange->answer(std::move(answer));
    });
}

void openapi(std::shared_ptr<Call> call) {
    call->reply_json(openapi_document(call->context().info.version));
}

void shut_down(std::shared_ptr<Call> call) {
    const bool now = call->body_as<ShutdownBody>().now;
    call->reply_json(json::object{
        {"text", now ? "stopping all instances, the edge and the daemon now"
                     : "draining and stopping all instances, then the edge and the daemon"}});
    call->control().shut_down(now);
}

std::vector<Param> top_params() {
    return {project_param(),
            app_filter_param(),
            {.name = "interval_ms",
             .kind = ParamKind::number,
             .help = "between two samples; 2000 without it",
             .min = k_top_interval_ms_min,
             .max = k_top_interval_ms_max},
            {.name = "count",
             .kind = ParamKind::number,
             .help = "end after so many samples; without it, go on",
             .min = 1,
             .max = 1'000'000}};
}

std::vector<Param> top_routes_params() {
    auto params = top_params();
    params.push_back({.name = "limit",
                      .kind = ParamKind::number,
                      .help = "the busiest so many routes; without it, all that are counted",
                      .min = 1,
                      .max = k_top_routes_max});
    return params;
}

}  // namespace

std::vector<Endpoint> node_endpoints() {
    return {
        {.path = "/v1/status",
         .summary = "What runs on this node, and what needs attention",
         .cli = "status",
         .reply = json_reply<StatusView>(),
         .handle = status},
        {.path = "/v1/top",
         .summary = "CPU, memory, requests and latency, live",
         .cli = "top",
         .query = top_params(),
         .reply = {ReplyKind::lines, type_info<TopView>(), "one TopView a sample"},
         .errors = {ErrorCode::not_found},
         .handle = top},
        {.path = "/v1/top/routes",
         .summary = "Requests, errors, latency, cache and bytes by route, live; the busiest first",
         .cli = "top --routes",
         .query = top_routes_params(),
         .reply = {ReplyKind::lines, type_info<TopRoutesView>(), "one TopRoutesView a sample"},
         .errors = {ErrorCode::not_found, ErrorCode::unavailable, ErrorCode::refused},
         .handle = top_routes},
        {.path = "/v1/metrics",
         .summary = "Measurements in Prometheus' text format, of the edge and the daemon",
         .cli = "metrics",
         .reply = {ReplyKind::text, {}, ""},
         .handle = metrics},
        {.method = Method::post,
         .path = "/v1/shutdown",
         .summary = "Drain and stop everything, then the daemon itself",
         .cli = "down",
         .body = json_body<ShutdownBody>(),
         .reply = {ReplyKind::json, {}, ""},
         .handle = shut_down},
        {.path = "/v1/openapi.json",
         .summary = "This API as an OpenAPI 3.1 document",
         .cli = "",
         .reply = {ReplyKind::json, {}, ""},
         .handle = openapi},
    };
}

}  // namespace moln::api
