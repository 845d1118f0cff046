#include "runtime/edge/views.h"

#include <deque>
#include <set>

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "edge/compiler.h"

namespace moln::edge_loop {
namespace {

struct Counter final : DrainListener {
    int idle = 0;
    int places = 0;
    void on_idle_endpoint() override { ++idle; }
    void on_place_free() override { ++places; }
};

EdgeEndpoint endpoint(const std::string& name, EndpointState state) {
    return {InstanceId(name), "10.0.0.1", 3000, state, 1};
}

struct World {
    Counter counter;
    edge::Compiler compiler;
    CellRegistry registry{1};
    RouteCounts route_counts;
    RouteLedger ledger{std::vector<const RouteCounts*>{&route_counts}};
    Views views{0, &counter};
    std::uint64_t generation = 0;
    std::deque<Exchange> exchanges;
    std::int64_t concurrency = 0;

    void publish(std::vector<EdgeEndpoint> endpoints) {
        EdgeApp app;
        app.concurrency = concurrency;
        app.app = AppId("default/shop");
        app.process = "web";
        app.endpoints = std::move(endpoints);
        EdgeSnapshot snapshot;
        snapshot.apps = {app};
        snapshot.routes = {{"*", "/", app.app, app.process}};
        apply(std::move(snapshot));
    }
    void apply(EdgeSnapshot snapshot) {
        begin_swap(std::move(snapshot));
        while (views.is_swapping()) go_on(100);
    }
    void begin_swap(EdgeSnapshot snapshot) {
        snapshot.version = compiler.stamp().version + 1;
        const auto touched = compiler.take(std::move(snapshot));
        ASSERT_TRUE(touched);
        auto tables = registry.join(compiler.compiled(), touched->apps,
                                    {.sites = std::make_shared<const tls::Sites>(),
                                     .route_index = ledger.assign(compiler.snapshot().routes)},
                                    ++generation);
        views.begin_swap(std::move(tables), touched->apps);
    }
    void go_on(std::size_t places) {
        edge::List<Upstream, ByPool> orphans;
        views.swap_some(places, orphans, 0);
        EXPECT_TRUE(orphans.empty());
    }
    AppView& app() { return *views.route("any", "/").app; }
    Exchange* begin() {
        EndpointView* picked = views.pick(app(), {});
        if (picked == nullptr) return nullptr;
        Exchange& exchange = exchanges.emplace_back();
        views.open(exchange, *picked, 1000);
        return &exchange;
    }
};

TEST(Views, who_is_only_late_is_picked_when_nobody_is_healthy) {
    World world;
    world.publish({endpoint("a", EndpointState::active), endpoint("b", EndpointState::active)});
    const auto set = [&](std::size_t i, EndpointHealth health, bool late) {
        EndpointCell& cell = *world.app().endpoints[i]->cell;
        cell.late = late;
        cell.health = health;
        const EndpointCell* const changed[] = {&cell};
        world.views.refresh_health(changed);
    };
    set(0, EndpointHealth::unhealthy, true);
    for (int i = 0; i < 4; ++i) EXPECT_EQ(world.views.pick(world.app(), {})->index, 1U);
    set(1, EndpointHealth::unhealthy, false);
    EXPECT_TRUE(world.views.any_eligible(world.app()));
    for (int i = 0; i < 4; ++i) EXPECT_EQ(world.views.pick(world.app(), {})->index, 0U);
    world.publish({endpoint("a", EndpointState::active), endpoint("b", EndpointState::active)});
    EXPECT_EQ(world.views.pick(world.app(), {})->index, 0U) << "also in the next snapshot";
    set(0, EndpointHealth::unhealthy, false);
    EXPECT_EQ(world.views.pick(world.app(), {}), nullptr);
    set(1, EndpointHealth::healthy, false);
    EXPECT_EQ(world.views.pick(world.app(), {})->index, 1U);
}

TEST(Views, an_endpoint_that_drains_or_goes_gets_nothing_new_and_keeps_what_it_has) {
    World world;
    world.publish({endpoint("a", EndpointState::active)});
    Exchange* exchange = world.begin();
    ASSERT_NE(exchange, nullptr);
    const auto cell = exchange->endpoint->cell;
    world.publish({endpoint("a", EndpointState::draining)});
    EXPECT_EQ(world.begin(), nullptr);
    world.publish({endpoint("b", EndpointState::active)});
    EXPECT_EQ(world.begin()->endpoint->cell->instance, InstanceId("b"));
    EXPECT_EQ(cell->slots[0].requests_open.get(), 1);
    EXPECT_EQ(world.registry.leftovers().size(), 1U);
    world.views.close(*exchange);
    EXPECT_EQ(cell->slots[0].requests_open.get(), 0);
    EXPECT_EQ(world.counter.idle, 1);
    EXPECT_TRUE(world.registry.leftovers().empty());
}

TEST(Views, a_tunnel_never_looks_closed_on_its_way_from_the_requests) {
    World world;
    world.publish({endpoint("a", EndpointState::active)});
    Exchange* exchange = world.begin();
    const EndpointSlot& slot = *exchange->endpoint->slot;
    world.views.to_tunnel(*exchange);
    EXPECT_EQ(slot.requests_open.get(), 0);
    EXPECT_EQ(slot.tunnels_open.get(), 1);
    world.publish({endpoint("a", EndpointState::draining)});
    world.views.close(*exchange);
    EXPECT_EQ(slot.tunnels_open.get(), 0);
    EXPECT_EQ(world.counter.idle, 1);
}

TEST(Views, the_age_is_that_of_the_oldest_open_one) {
    World world;
    world.publish({endpoint("a", EndpointState::active)});
    Exchange* first = world.begin();
    Exchange* second = &world.exchanges.emplace_back();
    EndpointView& view = *first->endpoint;
    world.views.open(*second, view, 2000);
    EXPECT_EQ(view.slot->oldest_begun_ms.get(), 1000);
    world.views.close(*first);
    EXPECT_EQ(view.slot->oldest_begun_ms.get(), 2000);
    world.views.close(*second);
    EXPECT_EQ(view.slot->oldest_begun_ms.get(), 0);
}

TEST(Views, what_was_tried_is_not_picked_again) {
    World world;
    world.publish({endpoint("a", EndpointState::active), endpoint("b", EndpointState::active)});
    std::vector<const EndpointCell*> tried;
    std::set<std::string> seen;
    for (int i = 0; i < 2; ++i) {
        EndpointView* picked = world.views.pick(world.app(), tried);
        ASSERT_NE(picked, nullptr);
        seen.insert(picked->cell->instance.text);
        tried.push_back(picked->cell.get());
    }
    EXPECT_EQ(seen.size(), 2U);
    EXPECT_EQ(world.views.pick(world.app(), tried), nullptr);
    EXPECT_NE(world.views.pick(world.app(), {}), nullptr);
}

struct NewEndpoints {
    World world;
    EdgeSnapshot snapshot;

    explicit NewEndpoints(std::vector<EdgeEndpoint> endpoints) {
        EdgeApp app;
        app.app = AppId("default/shop");
        app.process = "web";
        app.concurrency = 1;
        app.slow_start = seconds(10);
        app.canary_release = 2;
        snapshot.apps = {app};
        snapshot.routes = {{"*", "/", app.app, app.process}};
        world.apply(snapshot);
        snapshot.apps[0].endpoints = std::move(endpoints);
        world.apply(snapshot);
    }
    EndpointCell& cell(std::size_t i) { return *world.app().endpoints[i]->cell; }
    EndpointView* pick(std::span<const EndpointCell* const> tried) {
        return world.views.pick(world.app(), tried, Pick{.now_ms = 1});
    }
};

TEST(Views, a_new_endpoint_that_was_tried_is_not_picked_while_the_others_are_busy) {
    NewEndpoints setup(
        {endpoint("a", EndpointState::active), endpoint("b", EndpointState::active)});
    setup.cell(1).admitted = 1;
    const EndpointCell* const tried[] = {&setup.cell(0)};
    ASSERT_EQ(setup.pick(tried), nullptr);
    EXPECT_EQ(setup.pick({})->index, 0U);
}

TEST(Views, a_new_canary_gets_no_request_of_the_others_while_they_are_busy) {
    auto canary = endpoint("b", EndpointState::active);
    canary.release = 2;
    NewEndpoints setup({endpoint("a", EndpointState::active), canary});
    setup.cell(0).admitted = 1;
    ASSERT_EQ(setup.pick({}), nullptr);
    setup.cell(0).admitted = 0;
    EXPECT_EQ(setup.pick({})->index, 0U);
}

TEST(Views, probes_and_failures_take_endpoints_out_and_bring_them_back) {
    World world;
    world.publish({endpoint("a", EndpointState::active), endpoint("b", EndpointState::active)});
    EndpointView& a = *world.app().endpoints[0];
    const EndpointCell* const changed[] = {a.cell.get()};
    a.cell->health = EndpointHealth::unhealthy;
    world.views.refresh_health(changed);
    for (int i = 0; i < 4; ++i) EXPECT_EQ(world.views.pick(world.app(), {})->index, 1U);
    a.cell->health = EndpointHealth::healthy;
    world.views.refresh_health(changed);
    EXPECT_FALSE(world.views.note_failure(a, 0));
    EXPECT_FALSE(world.views.note_failure(a, 0));
    EXPECT_TRUE(world.views.note_failure(a, 0));
    EXPECT_TRUE(world.views.any_ejected());
    for (int i = 0; i < 4; ++i) EXPECT_EQ(world.views.pick(world.app(), {})->index, 1U);
    world.views.readmit(a.ejection.until.ms);
    EXPECT_FALSE(world.views.any_ejected());
}

TEST(Views, counts_are_exact_whatever_is_published_meanwhile) {
    EXPECT_TRUE(rc::check("exact", [](const std::vector<std::uint8_t>& steps) {
        World world;
        std::vector<Exchange*> open;
        world.publish({endpoint("a", EndpointState::active), endpoint("b", EndpointState::active)});
        for (const std::uint8_t step : steps) {
            if (step % 5 < 2) {
                if (Exchange* exchange = world.begin()) open.push_back(exchange);
            } else if (step % 5 == 2 && !open.empty()) {
                world.views.close(*open[step % open.size()]);
                open.erase(open.begin() + static_cast<std::ptrdiff_t>(step % open.size()));
            } else if (step % 5 > 2) {
                std::vector<EdgeEndpoint> endpoints;
                if ((step & 8U) != 0) endpoints.push_back(endpoint("a", EndpointState::active));
                if ((step & 16U) != 0) {
                    endpoints.push_back(endpoint(
                        "b", (step & 32U) != 0 ? EndpointState::draining : EndpointState::active));
                }
                world.publish(endpoints);
            }
            std::set<const EndpointCell*> cells;
            for (const Exchange* exchange : open) cells.insert(exchange->endpoint->cell.get());
            std::int64_t counted = 0;
            for (const auto* cell : cells) counted += cell->slots[0].requests_open.get();
            RC_ASSERT(counted == static_cast<std::int64_t>(open.size()));
        }
        for (Exchange* exchange : open) world.views.close(*exchange);
        RC_ASSERT(world.registry.leftovers().empty());
    }));
}

TEST(Views, an_endpoint_has_no_more_at_once_than_its_limit) {
    World world;
    world.concurrency = 2;
    world.publish({endpoint("a", EndpointState::active), endpoint("b", EndpointState::active)});
    std::vector<Exchange*> open;
    for (int i = 0; i < 4; ++i) open.push_back(world.begin());
    EXPECT_EQ(world.begin(), nullptr);
    EXPECT_FALSE(world.views.any_place(world.app()));
    EXPECT_TRUE(world.views.any_eligible(world.app()));
    for (const auto* one : world.app().endpoints) EXPECT_EQ(one->cell->admitted.load(), 2);
    world.views.close(*open[0]);
    EXPECT_TRUE(world.views.any_place(world.app()));
    EXPECT_NE(world.begin(), nullptr);
}

TEST(Views, a_place_that_another_worker_has_is_taken) {
    World world;
    world.concurrency = 1;
    world.publish({endpoint("a", EndpointState::active), endpoint("b", EndpointState::active)});
    world.app().endpoints[0]->cell->admitted = 1;
    ASSERT_NE(world.begin(), nullptr);
    EXPECT_EQ(world.app().endpoints[1]->open, 1u);
    EXPECT_EQ(world.begin(), nullptr);
}

TEST(Views, a_place_that_gets_free_is_told_to_the_others_who_wait) {
    World world;
    world.concurrency = 1;
    world.publish({endpoint("a", EndpointState::active)});
    auto* exchange = world.begin();
    world.views.close(*exchange);
    EXPECT_EQ(world.counter.places, 0);
    exchange = world.begin();
    world.app().cell->held = 1;  // of another worker
    world.views.close(*exchange);
    EXPECT_EQ(world.counter.places, 1);
    world.app().cell->held = 0;
}

TEST(Views, a_limit_that_comes_or_goes_meanwhile_loses_no_place) {
    World world;
    world.publish({endpoint("a", EndpointState::active)});
    auto* before = world.begin();
    world.concurrency = 1;
    world.publish({endpoint("a", EndpointState::active)});
    auto* within = world.begin();
    ASSERT_NE(within, nullptr);
    world.concurrency = 0;
    world.publish({endpoint("a", EndpointState::active)});
    auto* after = world.begin();
    for (auto* one : {before, within, after}) world.views.close(*one);
    EXPECT_EQ(world.app().endpoints[0]->cell->admitted.load(), 0);
}

TEST(Views, by_all_workers_the_least_loaded_is_picked) {
    World world;
    world.registry = CellRegistry(2);
    world.publish({endpoint("a", EndpointState::active), endpoint("b", EndpointState::active)});
    EndpointView* first = world.views.pick(world.app(), {}, PickBy::edge);
    const EndpointView* other = world.app().endpoints[1 - first->index];
    first->cell->slots[1].tunnels_open.add(2);
    EXPECT_EQ(world.views.pick(world.app(), {}, PickBy::edge), other);
    EXPECT_EQ(world.views.pick(world.app(), {}, PickBy::edge), other);
    const std::vector<const EndpointCell*> tried = {other->cell.get()};
    EXPECT_EQ(world.views.pick(world.app(), tried, PickBy::edge), first);
    world.publish({endpoint("a", EndpointState::draining), endpoint("b", EndpointState::draining)});
    EXPECT_EQ(world.views.pick(world.app(), {}, PickBy::edge), nullptr);
}

// Apps by number; bit 0: it is there, bits 1 and 2: its endpoints are active.
EdgeSnapshot apps_of(const std::vector<std::uint8_t>& apps) {
    EdgeSnapshot snapshot;
    for (std::size_t i = 0; i < apps.size(); ++i) {
        if ((apps[i] & 1U) == 0) continue;
        const auto state = [&](unsigned bit) {
            return (apps[i] & bit) != 0 ? EndpointState::active : EndpointState::draining;
        };
        EdgeApp app;
        app.app = AppId("default/app-" + std::to_string(i));
        app.process = "web";
        app.endpoints = {endpoint(std::to_string(i) + "a", state(2)),
                         endpoint(std::to_string(i) + "b", state(4))};
        snapshot.routes.push_back({std::to_string(i) + ".test", "/", app.app, app.process});
        snapshot.apps.push_back(std::move(app));
    }
    return snapshot;
}

// Whatever the swap has come to: a host leads to its app if the tables in use have it, and of that
// app only what is active before or after is picked.
void check_routes(World& world, const std::vector<std::uint8_t>& before,
                  const std::vector<std::uint8_t>& after) {
    const bool over = !world.views.is_swapping();
    const bool installed = world.views.tables()->generation == world.generation;
    for (std::size_t i = 0; i < before.size(); ++i) {
        const auto host = std::to_string(i) + ".test";
        AppView* app = world.views.route(host, "/").app;
        RC_ASSERT((app != nullptr) == (((installed ? after : before)[i] & 1U) != 0));
        if (app == nullptr) continue;
        RC_ASSERT(app->cell->app.text == "default/app-" + std::to_string(i));
        const unsigned may = over ? after[i] : before[i] | after[i];
        const EndpointView* picked = world.views.pick(*app, {});
        if (over) RC_ASSERT((picked != nullptr) == ((after[i] & 6U) != 0));
        if (picked == nullptr) continue;
        const bool is_a = picked->cell->instance.text.ends_with('a');
        RC_ASSERT((may & (is_a ? 2U : 4U)) != 0);
    }
}

TEST(Views, a_swap_in_pieces_leads_every_request_by_the_snapshot_before_or_the_one_after) {
    using Apps = std::vector<std::uint8_t>;
    EXPECT_TRUE(rc::check("swap", [](const std::vector<std::uint8_t>& steps) {
        World world;
        Apps before(8, 7);
        world.apply(apps_of(before));
        std::vector<Exchange*> open;
        for (const std::uint8_t step : steps) {
            const auto after = *rc::gen::container<Apps>(8, rc::gen::inRange<std::uint8_t>(0, 8));
            world.begin_swap(apps_of(after));
            while (world.views.is_swapping()) {
                world.go_on(step % 4 + 1);
                check_routes(world, before, after);
                AppView* app = world.views.route(std::to_string(step % 8) + ".test", "/").app;
                EndpointView* picked = app == nullptr ? nullptr : world.views.pick(*app, {});
                if (picked != nullptr) {
                    open.push_back(&world.exchanges.emplace_back());
                    ++app->exchanges;
                    open.back()->app = app;
                    world.views.open(*open.back(), *picked, 1000);
                } else if (!open.empty()) {
                    world.views.close(*open.back());
                    world.views.release(*open.back()->app);
                    open.pop_back();
                }
            }
            before = after;
        }
        for (Exchange* one : open) {
            world.views.close(*one);
            world.views.release(*one->app);
        }
        RC_ASSERT(world.registry.leftovers().empty());
    }));
}

TEST(Views, routes_and_what_they_lead_to_change_at_once) {
    World world;
    world.apply(apps_of({7, 7, 7}));
    const auto go_on = [&] {
        std::size_t in_pieces = 0;
        while (world.views.is_swapping()) {
            in_pieces += world.views.must_go_on() ? 0 : 1;
            world.go_on(1);
        }
        return in_pieces;
    };
    world.begin_swap(apps_of({3, 5, 3}));  // endpoints alone
    EXPECT_FALSE(world.views.must_go_on());
    EXPECT_EQ(go_on(), 3U);
    auto snapshot = apps_of({7, 7, 7});
    snapshot.routes[1].path = "/private";
    world.begin_swap(std::move(snapshot));
    EXPECT_TRUE(world.views.must_go_on());
    EXPECT_EQ(go_on(), 0U);
}

// A place that is left and taken in one change: the old app is where its route leads to the end.
TEST(Views, a_place_that_gets_another_app_leads_nobody_of_the_old_one_there) {
    World world;
    world.apply(apps_of({7, 0}));
    const auto place = world.views.tables()->compiled.routes->targets[0].app;
    world.begin_swap(apps_of({0, 7}));
    AppView* old = world.views.route("0.test", "/").app;
    ASSERT_NE(old, nullptr);
    EXPECT_EQ(&world.views.app(place), old);
    EXPECT_EQ(world.views.route("1.test", "/").app, nullptr);
    while (world.views.is_swapping()) world.go_on(1);
    EXPECT_EQ(world.views.route("0.test", "/").app, nullptr);
    ASSERT_NE(world.views.route("1.test", "/").app, nullptr);
    EXPECT_EQ(world.views.route("1.test", "/").app->cell->app.text, "default/app-1");
}

}  // namespace
}  // namespace moln::edge_loop
