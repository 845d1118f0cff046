#include "runtime/edge/views.h"

#include <algorithm>
#include <utility>

#include "edge/balance.h"
#include "edge/health.h"
#include "runtime/edge/cache_peers.h"

namespace moln::edge_loop {

bool Views::eligible(const EndpointView& endpoint) const {
    if (!endpoint.current || endpoint.state != EndpointState::active || endpoint.ejection.ejected) {
        return false;
    }
    if (endpoint.cell->health.load(std::memory_order_relaxed) != EndpointHealth::unhealthy) {
        return true;
    }
    return endpoint.app->panic[endpoint.canary ? 1 : 0] &&
           endpoint.cell->late.load(std::memory_order_relaxed);
}

void Views::refresh_panic(AppView& app) {
    std::array<edge::Panic, 2> panic;
    for (const EndpointView* endpoint : app.endpoints) {
        panic[endpoint->canary ? 1 : 0].see(endpoint->state,
                                            endpoint->cell->health.load(std::memory_order_relaxed),
                                            endpoint->cell->late.load(std::memory_order_relaxed));
    }
    app.panic = {panic[0].is_on(), panic[1].is_on()};
}

void Views::refresh_load(EndpointView& endpoint) {
    if (!endpoint.current) return;
    endpoint.app->loads[endpoint.index] = eligible(endpoint) ? endpoint.open : edge::k_not_eligible;
}

EndpointView& Views::endpoint_view(AppView& app, const EndpointEntry& entry) {
    auto& view = endpoints_[entry.cell.get()];
    if (!view) {
        view = std::make_unique<EndpointView>();
        view->cell = entry.cell;
        view->slot = &entry.cell->slots[worker_];
        view->app = &app;
        ++app.exchanges;  // the endpoint points there
    }
    return *view;
}

namespace {

void orphan_idle(EndpointView& endpoint, edge::List<Upstream, ByPool>& orphans) {
    while (Upstream* upstream = endpoint.idle.pop_front()) {
        upstream->endpoint = nullptr;
        orphans.push_back(upstream);
    }
    endpoint.idle_count = 0;
    while (Upstream* carrier = endpoint.links.pop_front()) {
        carrier->endpoint = nullptr;  // the last request that ends there closes it
        if (carrier->h2->open() == 0) orphans.push_back(carrier);
    }
}

}  // namespace

void Views::apply_app(AppView& app, const AppEntry& entry, std::uint64_t generation,
                      edge::List<Upstream, ByPool>& orphans) {
    const auto before = std::exchange(app.endpoints, {});
    app.spec = &entry.app->spec;
    app.site = entry.site;
    app.allowed = entry.app->allowed;
    app.loads.assign(entry.endpoints.size(), edge::k_not_eligible);
    app.active = 0;
    app.ejected = 0;
    for (const auto& one : entry.endpoints) {
        EndpointView& view = endpoint_view(app, one);
        view.state = one.state;
        view.protocol = one.protocol;
        view.canary = one.canary;
        view.peer = one.peer;
        view.current = true;
        view.seen = generation;
        view.index = app.endpoints.size();
        app.endpoints.push_back(&view);
        if (view.state == EndpointState::active) {
            ++app.active;
            if (view.ejection.ejected) ++app.ejected;
        } else {
            view.ejection = {};
            view.unlink();
            orphan_idle(view, orphans);
        }
    }
    refresh_panic(app);
    for (EndpointView* view : app.endpoints) refresh_load(*view);
    for (EndpointView* view : before) {
        if (view->seen != generation) drop(*view, orphans);
    }
}

// What is asked of those of before goes on; whoever stays a peer is connected to anew.
void Views::apply_peers(edge::List<Upstream, ByPool>& orphans) {
    for (const PeerView& before : std::exchange(peers_, {})) drop(*before.app, orphans);
    if (!tables_->peers) return;
    for (const auto& one : tables_->peers->all) {
        AppView& view = app_view(*one.entry);
        apply_app(view, *one.entry, tables_->generation, orphans);
        peers_.push_back({.app = &view, .link = one.link, .patience = {}});
    }
}

void Views::begin_slow_starts(AppView& app, bool late, std::int64_t now_ms) {
    const auto slow_start = app.spec->slow_start.count;
    app.slow_until_ms = 0;
    for (EndpointView* endpoint : app.endpoints) {
        const bool active = endpoint->state == EndpointState::active;
        if (active && !endpoint->started && late) endpoint->slow_until_ms = now_ms + slow_start;
        endpoint->started = active;
        if (!active || slow_start == 0) endpoint->slow_until_ms = 0;
        app.slow_until_ms = std::max(app.slow_until_ms, endpoint->slow_until_ms);
    }
}

// What is open there goes on; close() of the last forgets it.
void Views::drop(EndpointView& endpoint, edge::List<Upstream, ByPool>& orphans) {
    endpoint.current = false;
    endpoint.ejection = {};
    endpoint.unlink();
    orphan_idle(endpoint, orphans);
    if (endpoint.open != 0) return;
    --endpoint.app->exchanges;
    endpoints_.erase(endpoint.cell.get());
}

void Views::drop(AppView& app, edge::List<Upstream, ByPool>& orphans) {
    for (EndpointView* endpoint : std::exchange(app.endpoints, {})) drop(*endpoint, orphans);
    app.spec = nullptr;
    app.site.reset();
    app.allowed = {};
    app.loads.clear();
    app.active = app.ejected = 0;
    if (app.exchanges == 0) apps_.erase(app.cell.get());
}

AppView& Views::app_view(const AppEntry& entry) {
    auto& view = apps_[entry.cell.get()];
    if (!view) {
        view = std::make_unique<AppView>();
        view->cell = entry.cell;
        view->slot = &entry.cell->slots[worker_];
    }
    return *view;
}

Views::Routed Views::route(std::string_view host, std::string_view path) {
    if (!tables_) return {};
    const auto& routes = *tables_->compiled.routes;
    const auto index = routes.table.find(host, path);
    if (!index) return {};
    const auto& target = routes.targets[*index];
    return {
        .app = by_place_[target.app], .target = &target, .slot = (*tables_->route_index)[*index]};
}

namespace {

std::int64_t limit_of(const AppView& app) {
    return app.spec == nullptr ? 0 : app.spec->concurrency;
}

}  // namespace

bool Views::hide(AppView& app, std::span<const EndpointCell* const> tried, bool canary) {
    for (const EndpointCell* cell : tried) {
        const auto known = endpoints_.find(cell);
        if (known == endpoints_.end() || !known->second->current) continue;
        if (known->second->app == &app) app.loads[known->second->index] = edge::k_not_eligible;
    }
    const bool grouped = app.spec != nullptr && app.spec->canary_release != 0;
    if (!grouped) return !tried.empty();
    for (const EndpointView* endpoint : app.endpoints) {
        if (endpoint->canary != canary) app.loads[endpoint->index] = edge::k_not_eligible;
    }
    return true;
}

void Views::show(AppView& app, std::span<const EndpointCell* const> tried) {
    if (app.spec != nullptr && app.spec->canary_release != 0) {
        for (EndpointView* endpoint : app.endpoints) refresh_load(*endpoint);
        return;
    }
    for (const EndpointCell* cell : tried) {
        if (const auto known = endpoints_.find(cell); known != endpoints_.end()) {
            refresh_load(*known->second);
        }
    }
}

EndpointView* Views::pick(AppView& app, std::span<const EndpointCell* const> tried,
                          const Pick& how) {
    const bool hidden = hide(app, tried, how.wish.canary);
    EndpointView* picked = pick_shown(app, how);
    const bool waits = picked == nullptr && own_instance(app, how.wish) != nullptr;
    if (hidden) show(app, tried);
    if (picked == nullptr && !waits && how.wish.canary && !how.canary_only) {
        // The canary cannot: whoever it was for is served by the others.
        Pick others = how;
        others.wish.canary = false;
        return pick(app, tried, others);
    }
    if (picked != nullptr) app.turn = picked->index + 1;
    return picked;
}

EndpointView* Views::pick_shown(AppView& app, const Pick& how) {
    if (EndpointView* own = own_instance(app, how.wish)) {
        return take_place(app, *own) ? own : nullptr;
    }
    if (how.wish.key != 0) return pick_by_key(app, how.wish.key);
    if (app.slow_until_ms > how.now_ms) return pick_new(app, how);
    return pick_by_load(app, how.by);
}

EndpointView* Views::pick_by_key(AppView& app, std::uint64_t key) {
    places_.assign(app.loads.begin(), app.loads.end());
    for (;;) {
        EndpointView* best = nullptr;
        std::uint64_t highest = 0;
        for (EndpointView* endpoint : app.endpoints) {
            if (places_[endpoint->index] == edge::k_not_eligible) continue;
            const auto score = edge::rendezvous_score(key, endpoint->cell->place);
            if (best != nullptr && score <= highest) continue;
            best = endpoint;
            highest = score;
        }
        if (best == nullptr || take_place(app, *best)) return best;
        places_[best->index] = edge::k_not_eligible;
    }
}

// The new ones are drawn by their shares; whoever draws none of them goes to the others.
EndpointView* Views::pick_new(AppView& app, const Pick& how) {
    const auto share = [&](const EndpointView& endpoint) {
        const Milliseconds whole = app.spec->slow_start;
        const auto begun_ms = endpoint.slow_until_ms - whole.count;
        if (endpoint.slow_until_ms <= how.now_ms) return 1.0;
        return edge::slow_start_share({how.now_ms - begun_ms}, whole);
    };
    double all = 0;
    for (const EndpointView* endpoint : app.endpoints) {
        if (app.loads[endpoint->index] != edge::k_not_eligible) all += share(*endpoint);
    }
    constexpr double k_draws = 1U << 24;
    double draw = all * (static_cast<double>(how.dice % (1U << 24)) / k_draws);
    shown_.assign(app.loads.begin(), app.loads.end());
    EndpointView* drawn = nullptr;
    for (EndpointView* endpoint : app.endpoints) {
        auto& load = app.loads[endpoint->index];
        if (load == edge::k_not_eligible || endpoint->slow_until_ms <= how.now_ms) continue;
        draw -= share(*endpoint);
        if (draw < 0 && drawn == nullptr && take_place(app, *endpoint)) drawn = endpoint;
        load = edge::k_not_eligible;
    }
    EndpointView* picked = drawn == nullptr ? pick_by_load(app, how.by) : drawn;
    std::ranges::copy(shown_, app.loads.begin());  // who was tried stays hidden
    // Nobody but new ones.
    return picked == nullptr ? pick_by_load(app, how.by) : picked;
}

EndpointView* Views::pick_by_load(AppView& app, PickBy by) {
    if (limit_of(app) > 0) return pick_within_limit(app);
    if (by == PickBy::edge) return pick_by_all(app);
    const auto found = edge::least_loaded(app.loads, app.turn);
    return found ? app.endpoints[*found] : nullptr;
}

bool Views::take_place(AppView& app, EndpointView& endpoint) {
    const std::int64_t limit = limit_of(app);
    if (limit == 0 || endpoint.cell->admitted.fetch_add(1) < limit) return true;
    endpoint.cell->admitted.fetch_sub(1);
    return false;
}

EndpointView* Views::pick_by_all(AppView& app) {
    places_.clear();
    for (const EndpointView* endpoint : app.endpoints) {
        std::int64_t open = 0;
        for (const EndpointSlot& slot : endpoint->cell->slots) {
            open += slot.requests_open.get() + slot.tunnels_open.get();
        }
        const bool eligible = app.loads[endpoint->index] != edge::k_not_eligible;
        places_.push_back(eligible ? static_cast<std::uint32_t>(open) : edge::k_not_eligible);
    }
    const auto found = edge::least_loaded(places_, app.turn);
    return found ? app.endpoints[*found] : nullptr;
}

// Another worker may take the last place between our look and our hand: then the next endpoint.
EndpointView* Views::pick_within_limit(AppView& app) {
    const std::int64_t limit = limit_of(app);
    places_.clear();
    for (const EndpointView* endpoint : app.endpoints) {
        const auto admitted = endpoint->cell->admitted.load(std::memory_order_relaxed);
        const bool open = app.loads[endpoint->index] != edge::k_not_eligible && admitted < limit;
        places_.push_back(open ? static_cast<std::uint32_t>(admitted) : edge::k_not_eligible);
    }
    while (const auto found = edge::least_loaded(places_, app.turn)) {
        EndpointView& endpoint = *app.endpoints[*found];
        if (take_place(app, endpoint)) return &endpoint;
        places_[*found] = edge::k_not_eligible;
    }
    return nullptr;
}

namespace {

// The canary's requests may go to the others, theirs not to the canary.
bool may_take(const AppView& app, const EndpointView& endpoint, bool canary) {
    if (app.loads[endpoint.index] == edge::k_not_eligible) return false;
    return canary || !endpoint.canary || app.spec->canary_release == 0;
}

}  // namespace

EndpointView* Views::own_instance(const AppView& app, const edge::Preference& wish) const {
    if (wish.affinity == 0) return nullptr;
    for (EndpointView* endpoint : app.endpoints) {
        if (endpoint->cell->affinity != wish.affinity) continue;
        return may_take(app, *endpoint, wish.canary) ? endpoint : nullptr;
    }
    return nullptr;
}

bool Views::any_place(const AppView& app, const edge::Preference& wish) const {
    const std::int64_t limit = limit_of(app);
    const auto has_place = [&](const EndpointView& endpoint) {
        return limit == 0 || endpoint.cell->admitted.load(std::memory_order_relaxed) < limit;
    };
    if (const EndpointView* own = own_instance(app, wish)) return has_place(*own);
    return std::ranges::any_of(app.endpoints, [&](const EndpointView* endpoint) {
        return may_take(app, *endpoint, wish.canary) && has_place(*endpoint);
    });
}

void Views::give_place_back(AppView& app, EndpointCell& cell) {
    cell.admitted.fetch_sub(1);
    // Our own that wait are looked at in this turn anyway.
    if (app.held.empty() && app.held_streams.empty() && app.cell->held.load() > 0) {
        listener_->on_place_free();
    }
}

bool Views::any_eligible(const AppView& app, bool canary,
                         std::span<const EndpointCell* const> tried) const {
    return std::ranges::any_of(app.endpoints, [&](const EndpointView* endpoint) {
        return may_take(app, *endpoint, canary) &&
               std::ranges::find(tried, endpoint->cell.get()) == tried.end();
    });
}

void Views::publish_oldest(EndpointView& endpoint) {
    const Opening* oldest = endpoint.opens.front();
    endpoint.slot->oldest_begun_ms.set(oldest == nullptr ? 0 : oldest->open_since_ms);
}

void Views::open(Opening& opening, EndpointView& endpoint, std::int64_t now_ms) {
    opening.endpoint = &endpoint;
    opening.admitted = limit_of(*endpoint.app) > 0;  // pick() saw the same snapshot
    opening.open_since_ms = now_ms;
    ++endpoint.open;
    endpoint.slot->requests_open.add(1);
    endpoint.opens.push_back(&opening);
    if (endpoint.open == 1) publish_oldest(endpoint);
    refresh_load(endpoint);
}

void Views::adopt(Opening& opening, EndpointView& endpoint, std::int64_t now_ms) {
    if (limit_of(*endpoint.app) > 0) endpoint.cell->admitted.fetch_add(1);
    open(opening, endpoint, now_ms);
}

void Views::hand_over(Opening& from, Opening& to) {
    EndpointView& endpoint = *std::exchange(from.endpoint, nullptr);
    to.endpoint = &endpoint;
    to.admitted = std::exchange(from.admitted, false);
    to.open_since_ms = from.open_since_ms;
    static_cast<edge::ListLink<ByAge>&>(to).replace(from);
}

void Views::to_tunnel(Opening& opening) {
    opening.tunnel = true;
    opening.endpoint->slot->tunnels_open.add(1);
    opening.endpoint->slot->requests_open.add(-1);
}

void Views::close(Opening& opening) {
    EndpointView& endpoint = *std::exchange(opening.endpoint, nullptr);
    const bool was_oldest = endpoint.opens.front() == &opening;
    static_cast<edge::ListLink<ByAge>&>(opening).unlink();
    if (was_oldest) publish_oldest(endpoint);
    if (std::exchange(opening.admitted, false)) give_place_back(*endpoint.app, *endpoint.cell);
    --endpoint.open;
    (opening.tunnel ? endpoint.slot->tunnels_open : endpoint.slot->requests_open).add(-1);
    if (endpoint.open != 0) {
        refresh_load(endpoint);
        return;
    }
    if (endpoint.current) {
        refresh_load(endpoint);
        if (endpoint.state == EndpointState::draining) listener_->on_idle_endpoint();
        return;
    }
    AppView& app = *endpoint.app;
    endpoints_.erase(endpoint.cell.get());
    listener_->on_idle_endpoint();
    release(app);
}

void Views::release(AppView& app) {
    --app.exchanges;
    if (app.exchanges == 0 && app.spec == nullptr) apps_.erase(app.cell.get());
}

bool Views::note_failure(EndpointView& endpoint, std::int64_t now_ms) {
    if (!endpoint.current || endpoint.state != EndpointState::active) return false;
    AppView& app = *endpoint.app;
    const edge::AppShare share{.active = app.active, .ejected = app.ejected};
    if (!edge::note_failure(endpoint.ejection, share, MonoTime{now_ms})) return false;
    ++app.ejected;
    ejected_.push_back(&endpoint);
    refresh_load(endpoint);
    return true;
}

void Views::note_success(EndpointView& endpoint) {
    edge::note_success(endpoint.ejection);
}

void Views::readmit(std::int64_t now_ms) {
    for (EndpointView* endpoint = ejected_.front(); endpoint != nullptr;) {
        EndpointView* next = ejected_.after(endpoint);
        if (edge::readmit_if_due(endpoint->ejection, MonoTime{now_ms})) {
            --endpoint->app->ejected;
            endpoint->unlink();
            refresh_load(*endpoint);
        }
        endpoint = next;
    }
}

void Views::refresh_health(std::span<const EndpointCell* const> changed) {
    for (const EndpointCell* cell : changed) {
        const auto known = endpoints_.find(cell);
        if (known == endpoints_.end() || !known->second->current) continue;
        // Of the last that could be asked: then all of the app may be eligible again.
        AppView& app = *known->second->app;
        refresh_panic(app);
        for (EndpointView* endpoint : app.endpoints) refresh_load(*endpoint);
    }
}

}  // namespace moln::edge_loop
