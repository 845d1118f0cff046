// The processes of the edge: who serves, who still finishes what it began, and putting a new one in
// the place of the one that serves.
#include "api/call.h"
#include "api/edge_upgrade.h"
#include "api/edge_view.h"
#include "api/table.h"
#include "model/views.h"

namespace moln::api {
namespace {

void edge_status(std::shared_ptr<Call> call) {
    call->reply(
        Items<EdgeProcessView>{edge_views(call->world(), call->control().edge_processes())});
}

}  // namespace

std::vector<Endpoint> edge_endpoints() {
    return {
        {.path = "/v1/edge",
         .summary = "The processes of the edge, the newest first: which one serves, by which "
                    "version, and what those that were replaced still have open",
         .cli = "edge status",
         .reply = json_reply<Items<EdgeProcessView>>(),
         .handle = edge_status},
        {.method = Method::post,
         .path = "/v1/edge/upgrade",
         .summary = "Put a new process in the place of the one that serves; nothing is refused, "
                    "reset or lost",
         .cli = "edge upgrade",
         .query = {{.name = "until",
                    .help = "`begun`, `serving` or `ended`: answer when the new process was "
                            "started, when it serves (so without it), or when the old one has "
                            "ended"}},
         .reply = {ReplyKind::lines, type_info<EdgeUpgradeView>(),
                   "progress, then the result; an error says why the old one serves on"},
         .errors = {ErrorCode::refused, ErrorCode::unavailable, ErrorCode::failed},
         .handle = edge_upgrade},
    };
}

}  // namespace moln::api
