#include "plan/trash.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "model/limits.h"
#include "model/words.h"

namespace moln::plan {
namespace {

template <typename Map>
const typename Map::mapped_type* find(const Map& map, const typename Map::key_type& key) {
    const auto found = map.find(key);
    return found == map.end() ? nullptr : &found->second;
}

const json::array& list_in(const TrashItem& item, const char* name) {
    static const json::array k_none;
    const auto* content = item.content.if_object();
    const auto* value = content == nullptr ? nullptr : content->if_contains(name);
    return value != nullptr && value->is_array() ? value->get_array() : k_none;
}

void add_layers(const json::array& releases, std::set<std::string>& layers) {
    for (const auto& value : releases) {
        const auto release = from_json<Release>(value, UnknownFields::ignore);
        if (release) layers.insert(release->image.layers.begin(), release->image.layers.end());
    }
}

json::array names_of(const std::vector<std::string>& layers) {
    json::array names;
    for (const auto& layer : layers) names.emplace_back(json::string(layer));
    return names;
}

std::vector<std::string> unused(const std::vector<std::string>& layers,
                                const std::set<std::string>& used) {
    std::vector<std::string> left;
    std::ranges::copy_if(layers, std::back_inserter(left),
                         [&](const auto& layer) { return !used.contains(layer); });
    return left;
}

// Layers of no release, which drop_leftovers() puts there to be destroyed at once.
bool is_leftover(const TrashItem& item) {
    const auto* content = item.content.if_object();
    return item.kind == TrashKind::image && content != nullptr && !content->contains("release");
}

// The trash, item by item.
class Trash {
public:
    explicit Trash(Draft& draft) : draft_(draft), world_(draft.world()) {
        for (const auto& [id, volume] : world_.volumes) {
            if (!volume.restored_from.empty()) restoring_.emplace(volume.restored_from, &volume);
        }
    }

    void advance() {
        for (const auto& [id, item] : world_.trash) advance(item);
        cap();
    }

private:
    void advance(const TrashItem& item) {
        const auto* node = find(world_.nodes, item.node);
        if (item.purging) return purged(item, node);
        if (const auto* volume = find(restoring_, item.id)) return returned(item, **volume, node);
        if (item.restoring) return restored(item, node);
        if (!item.settled) return settle(item, node);
        if (item.expires <= draft_.now().steady) {
            purge(item, is_leftover(item) ? "nothing needs it any more"
                                          : fmt::format("its {} in the trash are over",
                                                        duration_words(k_trash_age_default)));
        } else {
            draft_.wake_at(item.expires);
            kept_.push_back(&item);
        }
    }

    void settle(const TrashItem& item, const NodeSeen* node) {
        const auto* size = node == nullptr ? nullptr : find(node->trash_settled, item.id);
        if (size == nullptr) return;
        TrashItem next = item;
        next.settled = true;
        next.size = *size;
        draft_.put(std::move(next));
    }

    // The bytes are destroyed: only now may the record go.
    void purged(const TrashItem& item, const NodeSeen* node) {
        if (item.kind == TrashKind::app) drop_orphaned_layers(item);
        if (item.node.empty()) return draft_.drop(item.id);
        const auto* done = node == nullptr ? nullptr : find(node->trash_purged, item.id);
        if (done != nullptr && *done) draft_.drop(item.id);
    }

    void returned(const TrashItem& item, const Volume& volume, const NodeSeen* node) {
        const auto* done = node == nullptr ? nullptr : find(node->volumes_settled, volume.id);
        if (done == nullptr || !*done) return;
        Volume next = volume;
        next.restored_from = {};
        draft_.put(std::move(next));
        draft_.drop(item.id);
        draft_.tell(EventLevel::info, "volume.recovered", volume.app, volume.id.text,
                    fmt::format("volume {} of {} is back", volume.name, volume.app.text));
    }

    void restored(const TrashItem& item, const NodeSeen* node) {
        const auto* done = node == nullptr ? nullptr : find(node->trash_restored, item.id);
        if (done == nullptr || !*done) return;
        drop_leftovers(item, unused(layers_of(item), layers_in_use(draft_)));
        draft_.drop(item.id);
    }

    void drop_orphaned_layers(const TrashItem& app) {
        std::set<std::string> named;
        add_layers(list_in(app, "releases"), named);
        auto used = layers_in_use(draft_);
        for (const auto& [id, other] : world_.trash) {
            if (id != app.id && other.kind == TrashKind::app && draft_.trash(id) != nullptr) {
                add_layers(list_in(other, "releases"), used);
            }
        }
        drop_leftovers(app, unused({named.begin(), named.end()}, used));
    }

    // Layers that nobody can ask for any more: to the trash, and out of it at once.
    void drop_leftovers(const TrashItem& origin, const std::vector<std::string>& layers) {
        if (layers.empty()) return;
        json::object content;
        content.emplace("layers", names_of(layers));
        draft_.put(TrashItem{.id = draft_.fresh_trash(),
                             .kind = TrashKind::image,
                             .app = origin.app,
                             .what = fmt::format("image data of {}", origin.app.text),
                             .subject = origin.subject,
                             .node = world_.self,
                             .dropped = draft_.now().wall,
                             .expires = draft_.now().steady,
                             .content = std::move(content)});
    }

    void purge(const TrashItem& item, const std::string& why) {
        TrashItem next = item;
        next.purging = true;
        draft_.put(std::move(next));
        draft_.tell(EventLevel::info, "trash.purged", item.app, item.id.text,
                    fmt::format("{} is destroyed: {}", item.what, why));
    }

    Bytes limit() const {
        const auto* node = find(world_.nodes, world_.self);
        if (node == nullptr || node->disk_total.count == 0) return k_trash_bytes_default;
        return {node->disk_total.count / 10};
    }

    // The oldest first. The newest stays whatever its size: what was just dropped by mistake can
    // always come back.
    void cap() {
        Bytes total;
        for (const auto* item : kept_) total = total + item->size;
        if (total <= limit()) return;
        std::ranges::sort(kept_, {},
                          [](const TrashItem* item) { return std::pair(item->dropped, item->id); });
        for (std::size_t i = 0; i + 1 < kept_.size() && total > limit(); ++i) {
            if (kept_[i]->size.count == 0) continue;
            total = total - kept_[i]->size;
            purge(*kept_[i], fmt::format("the trash holds at most {}", size_words(limit())));
        }
    }

    Draft& draft_;
    const World& world_;
    std::map<TrashId, const Volume*> restoring_;
    std::vector<const TrashItem*> kept_;
};

bool may_go(const AppScope& scope, std::int64_t number) {
    const auto& app = *scope.app;
    if (number == app.release || number == app.release_served || number == app.rollout.from) {
        return false;
    }
    return std::ranges::none_of(scope.members, [&](const Member& member) {
        return !member.deleted && member.instance->release == number;
    });
}

void drop_release(Draft& draft, const AppScope& scope, const Release& release) {
    draft.drop_release(scope.id, release.number);
    const auto layers = unused(release.image.layers, layers_in_use(draft));
    json::object content;
    content.emplace("release", to_json(release));
    content.emplace("layers", names_of(layers));
    draft.put(TrashItem{
        .id = draft.fresh_trash(),
        .kind = TrashKind::image,
        .app = scope.id,
        .what = fmt::format("release {} of {}", release.number, scope.id.text),
        .subject = fmt::format("{}#{}", scope.id.text, release.number),
        .node = layers.empty() ? NodeId() : draft.world().self,
        .dropped = draft.now().wall,
        .expires = draft.now().steady + k_trash_age_default,
        .content = std::move(content),
        .settled = layers.empty(),
    });
}

}  // namespace

void advance_trash(Draft& draft) {
    Trash(draft).advance();
}

void trim_releases(Draft& draft, const AppScope& scope) {
    const auto found = draft.world().releases.find(scope.id);
    if (found == draft.world().releases.end() || found->second.size() <= k_releases_kept) return;
    auto surplus = found->second.size() - k_releases_kept;
    for (const auto& [number, release] : found->second) {
        if (surplus == 0) return;
        if (!may_go(scope, number)) continue;
        drop_release(draft, scope, release);
        --surplus;
    }
}

std::set<std::string> layers_in_use(const Draft& draft) {
    std::set<std::string> layers;
    for (const auto& [app, releases] : draft.world().releases) {
        for (const auto& [number, release] : releases) {
            if (draft.release(app, number) == nullptr) continue;
            layers.insert(release.image.layers.begin(), release.image.layers.end());
        }
    }
    for (const auto& [id, item] : draft.world().trash) {
        if (item.kind != TrashKind::app || draft.trash(id) == nullptr || item.purging) continue;
        add_layers(list_in(item, "releases"), layers);
    }
    return layers;
}

}  // namespace moln::plan
