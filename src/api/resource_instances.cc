#include <fmt/format.h>

#include "api/call.h"
#include "api/table.h"
#include "api/terminal.h"
#include "api/view.h"

namespace moln::api {
namespace {

void list(std::shared_ptr<Call> call) {
    call->reply(
        Items<InstanceView>{instance_views(call->world(), {call->project(), call->app_filter()})});
}

void get(std::shared_ptr<Call> call) {
    const auto found = find_instance(*call);
    if (!found) return call->fail(found.error());
    call->reply(instance_view(call->world(), **found));
}

void stop(std::shared_ptr<Call> call) {
    call->execute(StopInstanceCommand{InstanceId(call->text("instance")),
                                      call->body_as<StopInstanceBody>().now});
}

void run(std::shared_ptr<Call> call) {
    auto body = call->body_as<RunBody>();
    std::size_t size = 0;
    for (const auto& word : body.command) {
        size += word.size();
        if (word.find('\0') != std::string::npos) {
            return call->fail({ErrorCode::invalid, "command: holds a NUL byte"});
        }
    }
    if (body.command.empty() || size > k_command_bytes_max) {
        return call->fail(
            {ErrorCode::invalid, fmt::format("command: expected a list of words, at most {} bytes",
                                             k_command_bytes_max)});
    }
    call->execute(RunCommand{call->app(), std::move(body.command), body.terminal});
}

}  // namespace

std::vector<Endpoint> instance_endpoints() {
    return {
        {.path = "/v1/instances",
         .summary = "Instances: state, health, age, restarts, what still drains",
         .cli = "ps",
         .query = {project_param(), app_filter_param()},
         .reply = json_reply<Items<InstanceView>>(),
         .handle = list},
        {.path = "/v1/instances/{instance}",
         .summary = "One instance",
         .cli = "ps --json",
         .reply = json_reply<InstanceView>(),
         .errors = {ErrorCode::not_found},
         .handle = get},
        {.method = Method::post,
         .path = "/v1/instances/{instance}/stop",
         .summary = "Stop one instance; a wanted one is replaced",
         .cli = "stop --instance INSTANCE",
         .query = {wait_param()},
         .body = json_body<StopInstanceBody>(),
         .reply = json_reply<ChangeView>(),
         .errors = {ErrorCode::not_found, ErrorCode::refused},
         .handle = stop},
        {.method = Method::post,
         .path = "/v1/apps/{app}/runs",
         .summary = "Start a one-off instance of the wanted release",
         .cli = "run",
         .query = {project_param()},
         .body = json_body<RunBody>(),
         .reply = json_reply<ChangeView>(),
         .errors = {ErrorCode::not_found, ErrorCode::conflict, ErrorCode::refused},
         .handle = run},
        {.path = "/v1/instances/{instance}/terminal",
         .summary = "A command in a running instance, or the first process of a one-off",
         .cli = "shell, run",
         .query = {{.name = "arg",
                    .help = "a word of the command; without any, a login shell",
                    .repeated = true},
                   {.name = "attach",
                    .kind = ParamKind::flag,
                    .help = "to the one-off's own first process; waits until it has started"},
                   {.name = "tty",
                    .kind = ParamKind::flag,
                    .help = "0: no terminal, plain pipes; 1 without it"},
                   {.name = "columns",
                    .kind = ParamKind::number,
                    .help = "of the terminal; 80 without it",
                    .min = 1,
                    .max = k_terminal_cells_max},
                   {.name = "rows",
                    .kind = ParamKind::number,
                    .help = "of the terminal; 24 without it",
                    .min = 1,
                    .max = k_terminal_cells_max}},
         .reply = {ReplyKind::terminal,
                   {},
                   "Binary frames are bytes, an empty one from the client is the end of its "
                   "input. With tty=0 each from the server begins with one byte more: 1 for "
                   "standard output, 2 for standard error. "
                   "Text frames are JSON: {\"resize\": [columns, rows]} from the client; "
                   "{\"exit\": code} or {\"error\": …} as the last one from the server."},
         .errors = {ErrorCode::not_found, ErrorCode::refused, ErrorCode::unavailable},
         .handle = terminal},
    };
}

}  // namespace moln::api
