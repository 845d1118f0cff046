// How a snapshot takes the place of the one before while requests go on.
#include <algorithm>
#include <utility>

#include "base/check.h"
#include "runtime/edge/views.h"

namespace moln::edge_loop {

void Views::begin_swap(std::shared_ptr<const Tables> tables, std::vector<std::uint32_t> touched) {
    CHECK(!swap_);
    Swap swap;
    swap.tables = std::move(tables);
    swap.touched = std::move(touched);
    swap_.emplace(std::move(swap));
}

bool Views::must_go_on() const {
    if (!swap_ || swap_->installed) return false;
    return tables_ == nullptr || tables_->compiled.routes != swap_->tables->compiled.routes;
}

// An app that stays is as the new tables have it from here on; one that arrives is where no route
// leads yet.
void Views::prepare(std::uint32_t place, edge::List<Upstream, ByPool>& orphans,
                    std::int64_t now_ms) {
    const AppEntry* entry = swap_->tables->apps[place].get();
    const AppView* before = place < by_place_.size() ? by_place_[place] : nullptr;
    if (entry == nullptr) {
        swap_->arrivals.push_back({.place = place, .app = nullptr});
        return;
    }
    AppView& view = app_view(*entry);
    apply_app(view, *entry, swap_->tables->generation, orphans);
    begin_slow_starts(view, tables_ != nullptr, now_ms);
    if (&view != before) swap_->arrivals.push_back({.place = place, .app = &view});
}

// In one piece: a place may have another app now than the routes of before lead to.
void Views::install(edge::List<Upstream, ByPool>& orphans) {
    swap_->before = std::exchange(tables_, swap_->tables);
    swap_->installed = true;
    sites_ = tables_->sites;
    by_place_.resize(tables_->apps.size());
    for (const auto& arrival : swap_->arrivals) {
        AppView* before = std::exchange(by_place_[arrival.place], arrival.app);
        if (before != nullptr && before != arrival.app) swap_->gone.push_back(before);
    }
    const bool is_first = swap_->before == nullptr;
    if (is_first || swap_->before->peers != tables_->peers) apply_peers(orphans);
}

void Views::swap_some(std::size_t places, edge::List<Upstream, ByPool>& orphans,
                      std::int64_t now_ms) {
    CHECK(swap_);
    const std::size_t ready = std::min(places, swap_->touched.size() - swap_->at);
    for (std::size_t i = 0; i < ready; ++i) prepare(swap_->touched[swap_->at++], orphans, now_ms);
    if (swap_->at < swap_->touched.size()) return;
    if (!swap_->installed) install(orphans);
    for (std::size_t left = places - ready; left > 0 && !swap_->gone.empty(); --left) {
        drop(*swap_->gone.back(), orphans);
        swap_->gone.pop_back();
    }
    if (swap_->gone.empty()) swap_.reset();
}

}  // namespace moln::edge_loop
