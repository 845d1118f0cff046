#include "sim/fake_edge.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace moln::sim {
namespace {

constexpr Milliseconds k_done_looked_for = seconds(1);
constexpr double k_new_one_dies = 0.3;

}  // namespace

FakeEdge::FakeEdge(Host& host) : host_(host) {
    host_.on_ended = [this](const InstanceId& instance) {
        for (auto& [number, process] : processes_) process->instance_ended(instance);
    };
    host_.checkers.open_on = [this](const InstanceId& id) { return open_on(id); };
    host_.checkers.serving = [this](const AppId& id, const std::string& process) {
        return serving(id, process);
    };
    world.applied = [this] { tell_checkers(); };
    processes_.emplace(main_, std::make_unique<FakeEdgeProcess>(host_, world, main_));
}

// Only what all that live say is drained is.
void FakeEdge::tell_checkers() {
    std::vector<const EdgeSnapshot*> applied;
    for (const auto& [number, process] : processes_) applied.push_back(&process->applied());
    host_.checkers.edge_applied(applied);
}

void FakeEdge::publish(const EdgeSnapshot& snapshot) {
    host_.story.tell(fmt::format("publish {}/{}", snapshot.epoch, snapshot.version));
    world.latest = snapshot;
    for (auto& [number, process] : processes_) process->publish(snapshot);
}

void FakeEdge::on_news(std::function<void(const EdgeNews&)> callback) {
    world.news = std::move(callback);
}

void FakeEdge::daemon_started() {
    for (auto& [number, process] : processes_) process->daemon_started();
}

void FakeEdge::daemon_died() {
    world.news = nullptr;
    world.latest.reset();
    for (auto& [number, process] : processes_) process->daemon_died();
}

void FakeEdge::crash() {
    main().crash();
}

// ---- one in the place of another --------------------------------------------------------------

void FakeEdge::upgrade() {
    if (upgrading_ || !main().is_alive() || !world.news) return;
    upgrading_ = true;
    const auto number = ++number_;
    host_.story.tell(fmt::format("edge {} is to take the place of edge {}", number, main_));
    world.news({number, EdgeNews::Kind::began, nullptr});
    auto fresh = std::make_unique<FakeEdgeProcess>(host_, world, number);
    fresh->start_beside();
    processes_.emplace(number, std::move(fresh));
    const bool dies = host_.random.chance(k_new_one_dies);
    host_.timeline.at(host_.random.span(20, 5'000), [this, number, dies] {
        upgrading_ = false;
        // The one that serves has died meanwhile, and comes back by itself.
        if (dies || !main().is_alive()) return end(number);
        switch_to(number);
    });
}

void FakeEdge::switch_to(std::int64_t number) {
    auto& old = main();
    main_ = number;
    main().serve();
    old.leave();
    end_when_done(old.number());
}

void FakeEdge::end_when_done(std::int64_t number) {
    host_.timeline.at(k_done_looked_for, [this, number] {
        if (processes_.at(number)->is_done()) return end(number);
        end_when_done(number);
    });
}

void FakeEdge::end(std::int64_t number) {
    host_.story.tell(fmt::format("edge {} ends", number));
    processes_.erase(number);
    if (world.news) world.news({number, EdgeNews::Kind::ended, nullptr});
    tell_checkers();
}

// ---- what the checkers ask --------------------------------------------------------------------

std::int64_t FakeEdge::open_on(const InstanceId& instance) const {
    std::int64_t open = 0;
    for (const auto& [number, process] : processes_) open += process->open_on(instance);
    return open;
}

std::int64_t FakeEdge::serving(const AppId& app, const std::string& process) const {
    return main().serving(app, process);
}

bool FakeEdge::is_idle() const {
    return std::ranges::all_of(processes_, [](const auto& one) { return one.second->is_idle(); });
}

}  // namespace moln::sim
