#include "plan/removal.h"

#include <algorithm>

#include <fmt/format.h>

#include "model/limits.h"
#include "plan/drain.h"
#include "plan/judge.h"

namespace moln::plan {
namespace {

TrashItem item_of(Draft& draft, const AppScope& scope, TrashKind kind) {
    return {
        .id = draft.fresh_trash(),
        .kind = kind,
        .app = scope.id,
        .what = {},
        .subject = scope.id.text,
        .node = draft.world().self,
        .dropped = draft.now().wall,
        .expires = draft.now().steady + k_trash_age_default,
        .content = {},
    };
}

json::array trash_volumes(Draft& draft, AppScope& scope) {
    json::array ids;
    for (const auto* volume : scope.volumes) {
        if (volume->lifetime == Lifetime::independent) continue;
        auto item = item_of(draft, scope, TrashKind::volume);
        item.what = fmt::format("volume {} of {}", volume->name, scope.id.text);
        item.subject = volume->id.text;
        item.node = volume->node;
        item.content = to_json(*volume);
        ids.push_back(json::value(json::string(item.id.text)));
        draft.drop(volume->id);
        draft.put(std::move(item));
    }
    return ids;
}

json::array trash_releases(Draft& draft, const AppScope& scope) {
    json::array releases;
    const auto found = draft.world().releases.find(scope.id);
    if (found == draft.world().releases.end()) return releases;
    for (const auto& [number, release] : found->second) {
        releases.push_back(to_json(release));
        draft.drop_release(scope.id, number);
    }
    return releases;
}

void to_trash(Draft& draft, AppScope& scope) {
    auto item = item_of(draft, scope, TrashKind::app);
    item.what = fmt::format("app {} with its releases", scope.id.text);
    item.node = {};
    item.settled = true;
    App app = *scope.app;
    app.run = AppRun::running;
    json::object content;
    content.emplace("app", to_json(app));
    content.emplace("releases", trash_releases(draft, scope));
    content.emplace("volumes", trash_volumes(draft, scope));
    item.content = std::move(content);
    draft.tell(EventLevel::info, "app.removed", scope.id, item.id.text,
               fmt::format("{} is in the trash as {}", scope.id.text, item.id.text));
    draft.put(std::move(item));
    draft.drop(scope.id);
    scope.app = nullptr;
    scope.wanted = scope.serving = nullptr;
}

}  // namespace

void stop_services(Draft& draft, AppScope& scope) {
    for (auto& member : scope.members) {
        if (lives(member) && member.instance->kind == InstanceKind::service) leave(draft, member);
    }
}

void remove_app(Draft& draft, AppScope& scope) {
    for (auto& member : scope.members) {
        if (lives(member)) leave(draft, member);
    }
    const bool is_empty = std::ranges::all_of(scope.members, &Member::deleted);
    if (scope.app != nullptr && is_empty) to_trash(draft, scope);
}

}  // namespace moln::plan
