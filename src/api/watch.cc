#include "api/watch.h"

#include <algorithm>
#include <set>
#include <string>
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

// How long something has left is told as of the last full minute: it would else be news each time
// that anything changes.
Now full_minute(Now now) {
    constexpr std::int64_t k_minute_ms = 60'000;
    now.wall.ms -= now.wall.ms % k_minute_ms;
    now.steady.ms -= now.steady.ms % k_minute_ms;
    return now;
}

// Those that serve the apps, and without an app those that serve nobody too. One that is still to
// come goes by its host.
void put_certificates(WatchPicture& picture, const World& world, const AppFilter& filter,
                      const Now& now) {
    std::set<std::string> served;
    for (const auto& route : world.edge.routes) {
        if (filter.takes(route.app)) served.insert(route.host + route.path);
    }
    const auto is_served = [&](const std::string& place) { return served.contains(place); };
    for (const auto& view : certificate_views(world, full_minute(now))) {
        const bool of_nobody = view.used_by.empty() && filter.app.text.empty();
        if (!of_nobody && std::ranges::none_of(view.used_by, is_served)) continue;
        const bool is_here = world.certificates.contains(view.id);
        put(picture, "certificate", is_here ? view.id.text : view.hosts.front(), 0, view);
    }
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
    put_certificates(picture, world, filter, now);
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
