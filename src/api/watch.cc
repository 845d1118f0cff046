#include "api/watch.h"

#include <utility>

#include "api/line_stream.h"

namespace moln::api {
namespace {

template <typename View>
void put(WatchPicture& picture, const std::string& kind, const std::string& id,
         std::int64_t generation, const View& view) {
    picture[{kind, id}] = {.change = WatchChange::put,
                           .kind = kind,
                           .id = id,
                           .generation = generation,
                           .view = to_json(view)};
}

class WatchStream final : public LineStream {
public:
    explicit WatchStream(const std::shared_ptr<Call>& call)
        : LineStream(call), filter_{call->project(), call->app_filter()} {}

    void start() {
        open();
        source_ = context_->control.on_change(later(this, &WatchStream::send_soon));
        send_more();
        write({.change = WatchChange::synced});
    }

private:
    void send_soon() {
        if (soon_ || done_) return;
        soon_ = true;
        context_->loop.after(k_watch_interval, later(this, &WatchStream::send_now));
    }

    void send_now() {
        soon_ = false;
        send_more();
    }

    // Whoever reads slowly gets the sum of the changes, not each.
    void send_more() override {
        if (done_ || !lines_.has_room()) return;
        auto now = watch_picture(context_->control.world(), filter_, context_->control.now());
        for (auto& change : watch_difference(sent_, now)) write(std::move(change));
        sent_ = std::move(now);
    }

    void write(WatchView view) {
        view.revision = ++revision_;
        lines_.write(to_json(view));
    }

    AppFilter filter_;
    WatchPicture sent_;
    std::int64_t revision_ = 0;
    bool soon_ = false;
};

}  // namespace

WatchPicture watch_picture(const World& world, const AppFilter& filter, const Now& now) {
    WatchPicture picture;
    const auto index = index_instances(world);
    static const std::vector<const Instance*> k_none;
    for (const auto& [id, app] : world.apps) {
        if (!filter.takes(id)) continue;
        const auto found = index.find(id);
        const auto& instances = found == index.end() ? k_none : found->second;
        put(picture, "app", id.text, app.generation, app_view(world, app, instances));
        for (const auto* instance : instances) {
            put(picture, "instance", instance->id.text, instance->generation,
                instance_view(world, *instance));
        }
        for (const auto& view : release_views(world, app)) {
            put(picture, "release", id.text + "/" + std::to_string(view.number), 0, view);
        }
    }
    for (const auto& view : volume_views(world, filter)) {
        put(picture, "volume", view.id.text, 0, view);
    }
    for (const auto& view : trash_views(world, filter, now)) {
        put(picture, "trash", view.id.text, 0, view);
    }
    return picture;
}

std::vector<WatchView> watch_difference(const WatchPicture& before, const WatchPicture& after) {
    std::vector<WatchView> changes;
    for (const auto& [key, view] : before) {
        if (after.contains(key)) continue;
        changes.push_back({.change = WatchChange::removed,
                           .kind = key.first,
                           .id = key.second,
                           .generation = view.generation});
    }
    for (const auto& [key, view] : after) {
        const auto old = before.find(key);
        if (old == before.end() || !(old->second == view)) changes.push_back(view);
    }
    return changes;
}

void watch(std::shared_ptr<Call> call) {
    std::make_shared<WatchStream>(call)->start();
}

}  // namespace moln::api
