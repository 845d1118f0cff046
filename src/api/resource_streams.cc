#include "api/call.h"
#include "api/follow.h"
#include "api/table.h"
#include "api/watch.h"

namespace moln::api {

std::vector<Endpoint> stream_endpoints() {
    const Param follow = {
        .name = "follow", .kind = ParamKind::flag, .help = "go on with new ones as they come"};
    return {
        {.path = "/v1/apps/{app}/logs",
         .summary = "What instances printed, in order of time",
         .cli = "logs",
         .query = {project_param(),
                   {.name = "process", .help = "only of this process"},
                   {.name = "instance", .help = "only of this instance"},
                   {.name = "lines",
                    .kind = ParamKind::number,
                    .help = "of the past; 100 without it, all with `after` or `since`",
                    .min = 0,
                    .max = k_log_lines_max},
                   {.name = "after",
                    .help = "the `position` of the last line that was seen of each instance, by "
                            "commas: of those only what stands behind"},
                   {.name = "since",
                    .kind = ParamKind::number,
                    .help = "milliseconds since 1970: of instances that `after` does not name, "
                            "only what was printed from then on"},
                   follow},
         .reply =
             {ReplyKind::lines, type_info<LogView>(),
              "one LogView a line; {\"skipped\": n} where the reader was too slow for n lines"},
         .errors = {ErrorCode::not_found},
         .handle = logs},
        {.path = "/v1/events",
         .summary = "What happened and why",
         .cli = "events",
         .query = {project_param(),
                   app_filter_param(),
                   {.name = "after",
                    .kind = ParamKind::number,
                    .help = "only those with a higher number",
                    .min = 0},
                   {.name = "lines",
                    .kind = ParamKind::number,
                    .help = "of the past; 100 without it, all after `after` with that",
                    .min = 0,
                    .max = static_cast<std::int64_t>(k_events_kept)},
                   follow},
         .reply = {ReplyKind::lines, type_info<Event>(), "one Event a line"},
         .handle = events,
         .of_the_gone = true},
        {.path = "/v1/watch",
         .summary =
             "Every resource (app, instance, release, volume, certificate, trash), then each "
             "that changes",
         .cli = "",
         .query = {project_param(), app_filter_param()},
         .reply = {ReplyKind::lines, type_info<WatchView>(),
                   "first a `put` for every resource there is, then one `synced`, then what "
                   "changes; several changes of one resource may come as one"},
         .handle = watch,
         .of_the_gone = true},
    };
}

}  // namespace moln::api
