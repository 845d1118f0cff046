#include "runtime/edge/views.h"

#include <algorithm>

#include "edge/balance.h"

namespace moln::edge_loop {

bool Views::eligible(const EndpointView& endpoint) const {
    return endpoint.current && endpoint.state == EndpointState::active &&
           !endpoint.ejection.ejected &&
           endpoint.cell->health.load(std::memory_order_relaxed) != EndpointHealth::unhealthy;
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

void Views::apply_app(AppView& app, const AppEntry& entry, const EdgeApp& spec,
                      edge::List<Upstream, ByPool>& orphans) {
    app.spec = &spec;
    app.seen = tables_->generation;
    app.endpoints.clear();
    app.loads.assign(entry.endpoints.size(), edge::k_not_eligible);
    app.active = 0;
    app.ejected = 0;
    for (const auto& one : entry.endpoints) {
        EndpointView& view = endpoint_view(app, one);
        view.state = one.state;
        view.protocol = one.protocol;
        view.current = true;
        view.seen = tables_->generation;
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
        refresh_load(view);
    }
}

void Views::sweep(edge::List<Upstream, ByPool>& orphans) {
    const auto generation = tables_ ? tables_->generation : 0;
    for (auto it = endpoints_.begin(); it != endpoints_.end();) {
        EndpointView& view = *it->second;
        if (view.seen == generation) {
            ++it;
            continue;
        }
        view.current = false;
        view.ejection = {};
        view.unlink();
        orphan_idle(view, orphans);
        if (view.open != 0) {
            ++it;
            continue;
        }
        --view.app->exchanges;
        it = endpoints_.erase(it);
    }
    for (auto it = apps_.begin(); it != apps_.end();) {
        AppView& view = *it->second;
        const bool gone = view.seen != generation;
        if (gone) {
            view.spec = nullptr;
            view.endpoints.clear();
            view.loads.clear();
            view.active = view.ejected = 0;
        }
        it = gone && view.exchanges == 0 ? apps_.erase(it) : std::next(it);
    }
}

void Views::apply(std::shared_ptr<const Tables> tables, edge::List<Upstream, ByPool>& orphans) {
    // The old tables are kept until all views point into the new ones.
    const auto old = std::exchange(tables_, std::move(tables));
    sites_ = tables_->sites;
    by_index_.clear();
    for (std::size_t i = 0; i < tables_->apps.size(); ++i) {
        const AppEntry& entry = tables_->apps[i];
        auto& view = apps_[entry.cell.get()];
        if (!view) {
            view = std::make_unique<AppView>();
            view->cell = entry.cell;
            view->slot = &entry.cell->slots[worker_];
        }
        apply_app(*view, entry, tables_->compiled.apps[i], orphans);
        by_index_.push_back(view.get());
    }
    sweep(orphans);
}

Views::Routed Views::route(std::string_view host, std::string_view path) {
    if (!tables_) return {};
    const auto index = tables_->compiled.routes.find(host, path);
    if (!index) return {};
    const auto& target = tables_->compiled.targets[*index];
    return {.app = by_index_[target.app], .target = &target};
}

namespace {

std::int64_t limit_of(const AppView& app) {
    return app.spec == nullptr ? 0 : app.spec->concurrency;
}

}  // namespace

EndpointView* Views::pick(AppView& app, std::span<const EndpointCell* const> tried, PickBy by) {
    for (const EndpointCell* cell : tried) {
        const auto known = endpoints_.find(cell);
        if (known == endpoints_.end() || !known->second->current) continue;
        if (known->second->app == &app) app.loads[known->second->index] = edge::k_not_eligible;
    }
    EndpointView* picked = nullptr;
    if (limit_of(app) > 0) {
        picked = pick_within_limit(app);
    } else if (by == PickBy::edge) {
        picked = pick_by_all(app);
    } else if (const auto found = edge::least_loaded(app.loads, app.turn)) {
        picked = app.endpoints[*found];
    }
    for (const EndpointCell* cell : tried) {
        if (const auto known = endpoints_.find(cell); known != endpoints_.end()) {
            refresh_load(*known->second);
        }
    }
    if (picked != nullptr) app.turn = picked->index + 1;
    return picked;
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
        if (endpoint.cell->admitted.fetch_add(1) < limit) return &endpoint;
        endpoint.cell->admitted.fetch_sub(1);
        places_[*found] = edge::k_not_eligible;
    }
    return nullptr;
}

bool Views::any_place(const AppView& app) const {
    const std::int64_t limit = limit_of(app);
    return std::ranges::any_of(app.endpoints, [&](const EndpointView* endpoint) {
        if (app.loads[endpoint->index] == edge::k_not_eligible) return false;
        return limit == 0 || endpoint->cell->admitted.load(std::memory_order_relaxed) < limit;
    });
}

void Views::give_place_back(AppView& app, EndpointCell& cell) {
    cell.admitted.fetch_sub(1);
    // Our own that wait are looked at in this turn anyway.
    if (app.held.empty() && app.held_streams.empty() && app.cell->held.load() > 0) {
        listener_->on_place_free();
    }
}

bool Views::any_eligible(const AppView& app) const {
    return std::ranges::any_of(app.loads, [](auto load) { return load != edge::k_not_eligible; });
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

void Views::refresh_health() {
    for (auto& [cell, view] : endpoints_) refresh_load(*view);
}

}  // namespace moln::edge_loop
