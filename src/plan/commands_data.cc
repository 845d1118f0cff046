// Removing, recovering and purging: what becomes of data.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "model/limits.h"
#include "model/words.h"
#include "plan/decision.h"
#include "plan/scope.h"

namespace moln::plan {
namespace {

bool is_held(const World& world, const VolumeId& id) {
    return std::ranges::any_of(world.instances, [&](const auto& entry) {
        const auto& held = entry.second.volumes;
        return std::ranges::find(held, id) != held.end();
    });
}

Status free_to_remove(const Decision& d, const Volume& volume) {
    const auto* app = d.draft.app(volume.app);
    if (app != nullptr && app->run != AppRun::stopped) {
        for (const auto number : {app->release, app->release_served}) {
            const auto* release = d.draft.release(app->id, number);
            if (release == nullptr) continue;
            const auto& specs = release->config.volumes;
            if (std::ranges::find(specs, volume.name, &VolumeSpec::name) == specs.end()) continue;
            return fail(ErrorCode::refused,
                        fmt::format("volume {} is mounted by release {} of {}: deploy a release "
                                    "without it, or stop the app first",
                                    volume.id.text, number, app->id.text));
        }
    }
    if (is_held(d.world(), volume.id)) {
        return fail(ErrorCode::refused,
                    fmt::format("volume {} is in the hands of a running instance: stop it first",
                                volume.id.text));
    }
    if (!volume.restored_from.empty()) {
        return fail(ErrorCode::conflict, fmt::format("volume {} is just coming back from the "
                                                     "trash: try again in a moment",
                                                     volume.id.text));
    }
    return {};
}

// Puts the volume of a trash item back; its bytes follow. Null if the item holds none.
Result<Volume> volume_in(const TrashItem& item) {
    auto volume = from_json<Volume>(item.content, UnknownFields::ignore);
    if (!volume) return fail_in("trash item " + item.id.text, volume.error());
    volume->restored_from = item.id;
    return *volume;
}

Status recover_volume(Decision& d, const TrashItem& item) {
    MOLN_ASSIGN(auto volume, volume_in(item));
    for (const auto& [id, other] : d.world().volumes) {
        if (other.app != volume.app || other.name != volume.name || !other.instance.empty()) {
            continue;
        }
        return fail(ErrorCode::exists,
                    fmt::format("{} has a volume {} already ({}): remove that first",
                                volume.app.text, volume.name, id.text));
    }
    d.reply.volume = volume.id;
    d.reply.text = fmt::format("volume {} of {} comes back as {}", volume.name, volume.app.text,
                               volume.id.text);
    d.draft.put(std::move(volume));
    return {};
}

// The volumes that went with an app, as far as they are still in the trash.
Status recover_volumes_of(Decision& d, const json::object& content) {
    const auto* listed = content.if_contains("volumes");
    if (listed == nullptr || !listed->is_array()) return {};
    for (const auto& value : listed->get_array()) {
        if (!value.is_string()) continue;
        const auto* item = d.draft.trash(TrashId(std::string(value.get_string())));
        if (item == nullptr || item->purging) continue;
        MOLN_TRY(recover_volume(d, *item));
    }
    return {};
}

Status recover_app(Decision& d, const TrashItem& item) {
    if (d.draft.app(item.app) != nullptr) {
        return fail(ErrorCode::exists,
                    fmt::format("there is an app {} again: remove that first", item.app.text));
    }
    const auto* content = item.content.if_object();
    if (content == nullptr || !content->contains("app")) {
        return fail(ErrorCode::corrupt, fmt::format("trash item {} holds no app", item.id.text));
    }
    auto app = from_json<App>(content->at("app"), UnknownFields::ignore);
    if (!app) return fail_in("trash item " + item.id.text, app.error());
    if (const auto* releases = content->if_contains("releases"); releases != nullptr) {
        auto all = from_json<std::vector<Release>>(*releases, UnknownFields::ignore);
        if (!all) return fail_in("trash item " + item.id.text, all.error());
        for (auto& release : *all) d.draft.put(std::move(release));
    }
    MOLN_TRY(recover_volumes_of(d, *content));
    if (app->release_served != 0) app->release = app->release_served;
    for (auto& [process, fired] : app->cron_fired) fired = d.now();
    app->run = AppRun::running;
    if (app->release != 0) begin_rollout(d, *app, app->release);
    d.draft.drop(item.id);
    d.reply.release = app->release;
    change_app(d, std::move(*app),
               fmt::format("{} is back with its releases and volumes", item.app.text));
    return {};
}

Status recover_release(Decision& d, const TrashItem& item) {
    const auto* content = item.content.if_object();
    const auto* value = content == nullptr ? nullptr : content->if_contains("release");
    if (value == nullptr) {
        return fail(ErrorCode::refused,
                    fmt::format("{} is of an app that is gone for good", item.what));
    }
    auto release = from_json<Release>(*value, UnknownFields::ignore);
    if (!release) return fail_in("trash item " + item.id.text, release.error());
    MOLN_ASSIGN(auto app, app_to_change(d, item.app));
    AppConfig config = release->config;
    config.env = release->own_env;
    const auto old_number = release->number;
    MOLN_ASSIGN(const auto number, add_release(d, app, release->image, std::move(config),
                                               fmt::format("recovered release {}", old_number)));
    if (!d.draft.trash(item.id)->restoring) d.draft.drop(item.id);
    change_app(d, std::move(app),
               fmt::format("release {} of {} is back as release {}: moln "
                           "rollback goes there",
                           old_number, item.app.text, number));
    return {};
}

Result<TrashItem> item_to_change(const Decision& d, const TrashId& id) {
    const auto* item = d.draft.trash(id);
    if (item == nullptr) {
        return fail(ErrorCode::not_found,
                    fmt::format("trash {}: there is none; see `moln trash ls`", id.text));
    }
    if (item->purging) {
        return fail(ErrorCode::refused, fmt::format("{} is being destroyed", id.text));
    }
    const bool returning =
        item->restoring || std::ranges::any_of(d.world().volumes, [&](const auto& entry) {
            return entry.second.restored_from == id;
        });
    if (returning) {
        return fail(ErrorCode::refused, fmt::format("{} is on its way back already", id.text));
    }
    if (!item->settled) {
        return fail(
            ErrorCode::conflict,
            fmt::format("{} is still being moved to the trash: try again in a moment", id.text));
    }
    return *item;
}

}  // namespace

Status decide_on(Decision& d, const RemoveAppCommand& command) {
    MOLN_ASSIGN(auto app, app_to_change(d, command.app));
    d.effects.push_back(
        fmt::format("drain and stop all instances of {}, remove its routes", app.id.text));
    for (const auto& [id, volume] : d.world().volumes) {
        if (volume.app != app.id) continue;
        const bool stays = volume.lifetime == Lifetime::independent;
        d.effects.push_back(
            stays ? fmt::format("keep the independent volume {} ({})", volume.name, id.text)
                  : fmt::format("move volume {} ({}) to the trash", volume.name, id.text));
    }
    d.effects.push_back(fmt::format("move {} with its releases to the trash for {}", app.id.text,
                                    duration_words(k_trash_age_default)));
    app.run = AppRun::removing;
    d.draft.tell(EventLevel::info, "app.removing", app.id, app.id.text,
                 fmt::format("{} is removed by command", app.id.text));
    change_app(d, std::move(app), fmt::format("{} is being removed", command.app.text));
    return {};
}

Status decide_on(Decision& d, const RemoveVolumeCommand& command) {
    const auto* found = d.draft.volume(command.volume);
    if (found == nullptr) {
        return fail(
            ErrorCode::not_found,
            fmt::format("volume {}: there is none; see `moln volume ls`", command.volume.text));
    }
    const Volume volume = *found;
    MOLN_TRY(free_to_remove(d, volume));
    TrashItem item{.id = d.draft.fresh_trash(),
                   .kind = TrashKind::volume,
                   .app = volume.app,
                   .what = fmt::format("volume {} of {}", volume.name, volume.app.text),
                   .subject = volume.id.text,
                   .node = volume.node,
                   .size = {},
                   .dropped = d.now(),
                   .expires = d.draft.now().steady + k_trash_age_default,
                   .content = to_json(volume)};
    d.effects.push_back(fmt::format("move volume {} of {} to the trash for {}", volume.name,
                                    volume.app.text, duration_words(k_trash_age_default)));
    d.draft.tell(EventLevel::info, "volume.removed", volume.app, volume.id.text,
                 fmt::format("volume {} of {} is in the trash as {}", volume.name, volume.app.text,
                             item.id.text));
    d.reply.app = volume.app;
    d.reply.volume = volume.id;
    d.reply.text = fmt::format("volume {} is in the trash as {}", volume.id.text, item.id.text);
    d.draft.put(std::move(item));
    d.draft.drop(volume.id);
    return {};
}

Status decide_on(Decision& d, const RecoverCommand& command) {
    MOLN_ASSIGN(const auto item, item_to_change(d, command.trash));
    d.reply.app = item.app;
    if (item.kind == TrashKind::writable_layer) {
        return fail(ErrorCode::refused,
                    fmt::format("{} belongs to an instance that is gone: copy it out with moln "
                                "recover {} --to DIR",
                                item.what, item.id.text));
    }
    Status done;
    if (item.kind == TrashKind::volume) done = recover_volume(d, item);
    if (item.kind == TrashKind::app) done = recover_app(d, item);
    if (item.kind == TrashKind::image) done = recover_release(d, item);
    MOLN_TRY(done);
    d.effects.push_back(fmt::format("bring back {}", item.what));
    d.draft.tell(EventLevel::info, "trash.recovered", item.app, item.id.text,
                 fmt::format("{} is recovered by command", item.what));
    return {};
}

Status decide_on(Decision& d, const PurgeCommand& command) {
    MOLN_ASSIGN(auto item, item_to_change(d, command.trash));
    item.purging = true;
    d.reply.app = item.app;
    d.reply.text = fmt::format("{} is being destroyed", item.what);
    d.effects.push_back(fmt::format("destroy {} ({}) for good", item.what, size_words(item.size)));
    d.draft.tell(EventLevel::warning, "trash.purged", item.app, item.id.text,
                 fmt::format("{} is destroyed by command", item.what));
    d.draft.put(std::move(item));
    return {};
}

}  // namespace moln::plan
