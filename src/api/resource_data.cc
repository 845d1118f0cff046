#include <fmt/format.h>

#include "api/call.h"
#include "api/deploy.h"
#include "api/table.h"
#include "api/view.h"

namespace moln::api {
namespace {

void volume_list(std::shared_ptr<Call> call) {
    call->reply(
        Items<VolumeView>{volume_views(call->world(), {call->project(), call->app_filter()})});
}

void volume_get(std::shared_ptr<Call> call) {
    const auto found = call->world().volumes.find(VolumeId(call->text("volume")));
    if (found == call->world().volumes.end()) {
        return call->fail(
            {ErrorCode::not_found,
             fmt::format("volume {}: there is none; see `moln volume ls`", call->text("volume"))});
    }
    call->reply(volume_view(call->world(), found->second));
}

void volume_remove(std::shared_ptr<Call> call) {
    call->execute(RemoveVolumeCommand{VolumeId(call->text("volume"))});
}

void trash_list(std::shared_ptr<Call> call) {
    call->reply(Items<TrashView>{
        trash_views(call->world(), {call->project(), call->app_filter()}, call->now())});
}

void recover(std::shared_ptr<Call> call) {
    call->execute(RecoverCommand{TrashId(call->text("trash"))});
}

void purge(std::shared_ptr<Call> call) {
    call->execute(PurgeCommand{TrashId(call->text("trash"))});
}

void extract(std::shared_ptr<Call> call) {
    const auto target = call->body_as<ExtractBody>().target;
    if (!target.starts_with('/') || target.find('\0') != std::string::npos) {
        return call->fail({ErrorCode::invalid, "target: expected an absolute path on the node"});
    }
    call->control().extract_trash(
        TrashId(call->text("trash")), target, [call, target](const Status& done) {
            if (!done) return call->fail(done.error());
            call->reply_json(json::object{{"text", "copied to " + target}});
        });
}

void platform_list(std::shared_ptr<Call> call) {
    call->control().platforms([call](const Result<std::vector<PlatformInfo>>& found) {
        if (!found) return call->fail(found.error());
        Items<PlatformView> views;
        for (const auto& info : *found) {
            views.items.push_back({info.name, info.summary, info.size, info.made, info.is_default});
        }
        call->reply(views);
    });
}

}  // namespace

std::vector<Endpoint> data_endpoints() {
    const auto change = json_reply<ChangeView>();
    const std::vector<ErrorCode> usual = {ErrorCode::not_found, ErrorCode::refused};
    return {
        {.path = "/v1/volumes",
         .summary = "Volumes: lifetime, place, size, what resets them",
         .cli = "volume ls",
         .query = {project_param(), app_filter_param()},
         .reply = json_reply<Items<VolumeView>>(),
         .handle = volume_list,
         .of_the_gone = true},
        {.path = "/v1/volumes/{volume}",
         .summary = "One volume",
         .cli = "volume ls --json",
         .reply = json_reply<VolumeView>(),
         .errors = {ErrorCode::not_found},
         .handle = volume_get},
        {.method = Method::delete_,
         .path = "/v1/volumes/{volume}",
         .summary = "Remove a volume that nothing holds; it goes to the trash",
         .cli = "volume rm",
         .reply = change,
         .errors = usual,
         .handle = volume_remove},
        {.path = "/v1/trash",
         .summary = "What was dropped, newest first, and until when it can come back",
         .cli = "trash ls",
         .query = {project_param(), app_filter_param()},
         .reply = json_reply<Items<TrashView>>(),
         .handle = trash_list,
         .of_the_gone = true},
        {.method = Method::post,
         .path = "/v1/trash/{trash}/recover",
         .summary = "Bring back what was dropped",
         .cli = "recover",
         .reply = change,
         .errors = {ErrorCode::not_found, ErrorCode::exists, ErrorCode::refused},
         .handle = recover},
        {.method = Method::post,
         .path = "/v1/trash/{trash}/extract",
         .summary = "Copy a dropped writable layer out to a new folder on the node",
         .cli = "recover --to DIR",
         .body = json_body<ExtractBody>(),
         .reply = {ReplyKind::json, {}, ""},
         .errors = {ErrorCode::not_found, ErrorCode::exists, ErrorCode::refused, ErrorCode::full},
         .handle = extract},
        {.method = Method::delete_,
         .path = "/v1/trash/{trash}",
         .summary = "Destroy what was dropped, for ever",
         .cli = "trash purge",
         .reply = change,
         .errors = usual,
         .handle = purge},
        {.path = "/v1/platforms",
         .summary = "Platform images that apps can stand on",
         .cli = "platform ls",
         .reply = json_reply<Items<PlatformView>>(),
         .handle = platform_list},
        {.method = Method::post,
         .path = "/v1/platforms",
         .summary = "Make a platform image",
         .cli = "platform build",
         .body = json_body<PlatformBody>(),
         .reply = {ReplyKind::lines, type_info<PlatformView>(),
                   "{\"line\": text} of progress, then {\"result\": PlatformView} or "
                   "{\"error\": …}. To go away cancels."},
         .errors = {ErrorCode::not_found, ErrorCode::refused, ErrorCode::full},
         .handle = build_platform},
    };
}

}  // namespace moln::api
