// The pure halves of the API: progress, rates, watch pictures, targets, views at their edges.
#include <chrono>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/call.h"
#include "api/progress.h"
#include "api/query.h"
#include "api/top.h"
#include "api/view.h"
#include "api/watch.h"
#include "model/limits.h"

namespace moln::api {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const AppId k_shop("default/shop");
const NodeId k_node("alpha");

// One app "shop" with two web instances wanted of release 2, which is being switched to.
World switching_world() {
    World world;
    world.self = k_node;
    App app{.id = k_shop, .generation = 5, .release = 2, .release_served = 1};
    app.rollout = {.state = RolloutState::switching, .from = 1, .to = 2};
    world.apps[k_shop] = app;
    Release release{.app = k_shop, .number = 2};
    release.config.processes["web"] = {.kind = ProcessKind::web, .instances = 2};
    world.releases[k_shop][2] = release;
    world.edges[k_node].connected = true;
    return world;
}

InstanceSeen& add_instance(World& world, const std::string& id, std::int64_t release = 2) {
    const InstanceId name(id);
    world.instances[name] = {
        .id = name, .app = k_shop, .release = release, .process = "web", .node = k_node};
    auto& seen = world.nodes[k_node].instances[name];
    seen = {.id = name, .phase = InstancePhase::running};
    world.edges[k_node].endpoints[name] = {.instance = name, .health = EndpointHealth::healthy};
    return seen;
}

Progress progress(const World& world) {
    return progress_of(world, world.apps.at(k_shop), 2);
}

TEST(AppCounts, of_a_switch_are_not_added_up) {
    auto world = switching_world();
    for (const auto* id : {"web-a", "web-b"}) add_instance(world, id, 1);
    add_instance(world, "web-c");
    const auto web = [&] { return app_view(world, world.apps.at(k_shop)).processes.at(0); };
    EXPECT_EQ(web().ready, 2);
    add_instance(world, "web-d");
    EXPECT_EQ(web().ready, 2);
    EXPECT_EQ(web().wanted, 2);
    // A restart is one from a release to the same.
    world.apps[k_shop].release_served = 2;
    world.apps[k_shop].restart_count = 1;
    for (const auto* id : {"web-a", "web-b"}) world.instances.erase(InstanceId(id));
    for (const auto* id : {"web-e", "web-f"}) {
        add_instance(world, id);
        world.instances[InstanceId(id)].restart_count = 1;
    }
    EXPECT_EQ(web().ready, 2);
    EXPECT_EQ(web().canary_ready, 0);
}

// Release 2 is the canary beside release 1, which is alike.
World canary_world() {
    auto world = switching_world();
    auto& app = world.apps[k_shop];
    app.canary = CanarySpec{.share = 10};
    app.rollout.state = RolloutState::canary;
    world.releases[k_shop][1] = world.releases[k_shop][2];
    world.releases[k_shop][1].number = 1;
    return world;
}

TEST(AppCounts, of_a_canary_are_told_apart) {
    auto world = canary_world();
    auto& app = world.apps[k_shop];
    world.releases[k_shop][1].config.processes["mail"] = {.instances = 1};
    world.releases[k_shop][2].config.processes["mail"] = {.instances = 1};
    world.releases[k_shop][2].config.processes["api"] = {.kind = ProcessKind::web, .instances = 3};
    for (const auto* id : {"web-a", "web-b"}) add_instance(world, id, 1);
    for (const auto* id : {"web-c", "web-d"}) add_instance(world, id);
    add_instance(world, "api-a");
    world.instances[InstanceId("api-a")].process = "api";
    const auto view = app_view(world, app);
    const auto counts = [&](std::size_t i) {
        const auto& process = view.processes.at(i);
        return std::tuple(process.name, process.ready, process.wanted, process.canary_ready,
                          process.canary_wanted);
    };
    EXPECT_EQ(counts(0), std::tuple("mail", 0, 1, 0, 0));
    EXPECT_EQ(counts(1), std::tuple("web", 2, 2, 2, 2));
    EXPECT_EQ(counts(2), std::tuple("api", 0, 0, 1, 3));
    const auto status = status_view(world, {}, {});
    EXPECT_EQ(status.counts.instances_ready, 2);
    EXPECT_EQ(status.counts.instances_wanted, 3);
    EXPECT_EQ(status.counts.instances_canary, 3);
    for (const auto& one : instance_views(world, {.project = "default"})) {
        EXPECT_EQ(one.canary, one.release == 2) << one.id.text;
    }
}

TEST(Progress, of_a_scale_beside_a_canary_is_that_of_what_serves) {
    auto world = canary_world();
    auto& app = world.apps[k_shop];
    add_instance(world, "web-a", 1);
    EXPECT_EQ(progress_of(world, app, 1).state, ProgressState::going_on);
    EXPECT_EQ(progress_of(world, app, 1).summary, "web 1 of 2 ready");
    EXPECT_EQ(progress_of(world, app, 2).state, ProgressState::settled);
    add_instance(world, "web-b", 1);
    EXPECT_EQ(progress_of(world, app, 1).state, ProgressState::settled);
    app.canary.reset();
    app.release_served = 2;
    EXPECT_EQ(progress_of(world, app, 1).state, ProgressState::superseded);
}

TEST(Status, says_what_serves_where_a_release_has_failed) {
    auto world = switching_world();
    auto& app = world.apps[k_shop];
    app.rollout.state = RolloutState::failed;
    const auto warning = [&]() -> std::string {
        for (const auto& one : status_view(world, {}, {}).warnings) {
            if (one.starts_with("app ")) return one;
        }
        return "";
    };
    EXPECT_EQ(warning(),
              "app shop: release 2 did not become healthy, release 1 serves; see `moln events "
              "--app shop`");
    app.release_served = 0;
    EXPECT_EQ(warning(),
              "app shop: release 2 did not become healthy, there is no other to go back to; see "
              "`moln events --app shop`");
}

TEST(Routes, say_which_lies_over_another) {
    auto world = switching_world();
    world.releases[k_shop][2].config.routes = {{.host = "shop.org"}, {.host = "b.org"}};
    world.apps[k_shop].routes = {{.host = "shop.org", .process = "web"}};
    const auto views = route_views(world, world.apps[k_shop]);
    ASSERT_EQ(views.size(), 3u);
    EXPECT_EQ(views[0].problem, "one that was added lies over it: `moln route rm` removes that");
    EXPECT_EQ(views[1].problem, "");
    EXPECT_EQ(views[2].problem, "");
}

TEST(Routes, are_those_of_the_release_that_serves) {
    auto world = switching_world();
    auto& app = world.apps[k_shop];
    const auto hosts = [&] {
        std::string text;
        for (const auto& view : route_views(world, app)) {
            text += fmt::format("{} {};", view.host, enum_word(view.origin));
        }
        return text;
    };
    world.releases[k_shop][2].config.routes = {{.host = "new.test"}};
    EXPECT_EQ(hosts(), "new.test release;");  // of the one before nothing is left
    world.releases[k_shop][1] = world.releases[k_shop][2];
    world.releases[k_shop][1].config.routes = {{.host = "old.test"}};
    world.edge.routes = {{.host = "old.test", .path = "/", .app = k_shop, .process = "web"}};
    EXPECT_EQ(hosts(), "old.test release;");
    app.release_served = 2;
    world.edge.routes[0].host = "new.test";
    EXPECT_EQ(hosts(), "new.test release;");
}

TEST(Routes, of_a_process_that_is_gone_say_so) {
    auto world = switching_world();
    auto& app = world.apps[k_shop];
    app.routes = {{.host = "a.test", .process = "api"}, {.host = "b.test"}};
    const auto views = route_views(world, app);
    EXPECT_EQ(views.at(0).problem, "the release has no web process api");
    EXPECT_EQ(views.at(1).problem, "");
}

TEST(Progress, goes_on_until_all_are_ready_and_the_rollout_says_so) {
    auto world = switching_world();
    add_instance(world, "web-a");
    EXPECT_EQ(progress(world).state, ProgressState::going_on);
    EXPECT_EQ(progress(world).summary, "web 1 of 2 ready");
    add_instance(world, "web-b");
    EXPECT_EQ(progress(world).state, ProgressState::going_on);
    world.apps[k_shop].rollout.state = RolloutState::settled;
    EXPECT_EQ(progress(world).state, ProgressState::settled);
}

TEST(Progress, is_settled_only_when_every_edge_that_is_heard_follows) {
    auto world = switching_world();
    add_instance(world, "web-a");
    add_instance(world, "web-b");
    world.apps[k_shop].rollout.state = RolloutState::settled;
    world.edge.epoch = 2;
    world.edge.version = 7;
    auto& edge = world.edges[k_node];
    edge.report.acked_epoch = 2;
    edge.report.acked_version = 6;
    EXPECT_EQ(progress(world).state, ProgressState::going_on);
    edge.report.acked_epoch = 1;
    edge.report.acked_version = 9;
    EXPECT_EQ(progress(world).state, ProgressState::going_on);
    edge.connected = false;
    EXPECT_EQ(progress(world).state, ProgressState::settled);
    edge.connected = true;
    edge.report.acked_epoch = 2;
    edge.report.acked_version = 7;
    EXPECT_EQ(progress(world).state, ProgressState::settled);
}

TEST(Progress, what_concerns_the_edges_alone_waits_for_them_and_for_no_instance) {
    auto world = switching_world();
    world.edge.version = 7;
    auto& edge = world.edges[k_node];
    edge.connected = true;
    edge.report.acked_version = 6;
    EXPECT_EQ(progress_of(world, Planned::yes).state, ProgressState::going_on);
    edge.report.acked_version = 7;
    EXPECT_EQ(progress_of(world, Planned::yes).state, ProgressState::settled);
    EXPECT_EQ(progress_of(world, Planned::no).state, ProgressState::going_on);
    EXPECT_TRUE(concerns_edges_alone(AddRouteCommand{k_shop, {}}));
    EXPECT_TRUE(concerns_edges_alone(SetMaintenanceCommand{k_shop, std::nullopt}));
    EXPECT_FALSE(concerns_edges_alone(RestartCommand{k_shop}));
}

TEST(Progress, instances_of_other_releases_and_before_the_restart_do_not_count) {
    auto world = switching_world();
    world.apps[k_shop].rollout.state = RolloutState::settled;
    world.apps[k_shop].restart_count = 1;
    add_instance(world, "web-a", 1);
    add_instance(world, "web-b");
    EXPECT_EQ(progress(world).summary, "web 0 of 2 ready");
    world.instances[InstanceId("web-b")].restart_count = 1;
    EXPECT_EQ(progress(world).summary, "web 1 of 2 ready");
    EXPECT_EQ(progress(world).state, ProgressState::going_on);
}

TEST(Progress, a_failed_rollout_points_to_the_instance_that_looks_bad) {
    auto world = switching_world();
    add_instance(world, "web-a");
    add_instance(world, "web-b").last_exit = InstanceExit{.code = 1};
    world.apps[k_shop].release = 1;
    world.apps[k_shop].rollout.state = RolloutState::failed;
    world.apps[k_shop].rollout.reason = "because";
    const auto failed = progress(world);
    EXPECT_EQ(failed.state, ProgressState::failed);
    EXPECT_EQ(failed.reason, "because");
    EXPECT_EQ(failed.failing.text, "web-b");
}

TEST(Progress, a_restart_that_crash_loops_has_failed_at_the_limit_and_not_before) {
    auto world = switching_world();
    world.apps[k_shop].rollout.state = RolloutState::settled;
    auto& seen = add_instance(world, "web-a");
    seen.phase = InstancePhase::backing_off;
    seen.last_exit = InstanceExit{.signal = 9, .out_of_memory = true};
    seen.restarts = k_restarts_until_failed - 1;
    EXPECT_EQ(progress(world).state, ProgressState::going_on);
    seen.restarts = k_restarts_until_failed;
    EXPECT_EQ(progress(world).state, ProgressState::failed);
    EXPECT_THAT(progress(world).reason, HasSubstr("out of memory"));
}

TEST(Progress, a_later_release_supersedes) {
    auto world = switching_world();
    world.apps[k_shop].release = 3;
    EXPECT_EQ(progress(world).state, ProgressState::superseded);
}

Progress departure(const World& world, AppRun run, const std::string& instance = "") {
    return progress_of(world,
                       Departure{.app = k_shop, .run = run, .instance = InstanceId(instance)});
}

TEST(Progress, a_stop_is_done_when_no_service_runs) {
    auto world = switching_world();
    world.apps[k_shop].run = AppRun::stopped;
    add_instance(world, "web-a");
    add_instance(world, "run-b");
    world.instances[InstanceId("run-b")].kind = InstanceKind::run;
    EXPECT_EQ(departure(world, AppRun::stopped).state, ProgressState::going_on);
    EXPECT_EQ(departure(world, AppRun::stopped).summary, "1 instance to end");
    world.instances.erase(InstanceId("web-a"));
    EXPECT_EQ(departure(world, AppRun::stopped).state, ProgressState::settled);
    world.apps[k_shop].run = AppRun::running;
    EXPECT_EQ(departure(world, AppRun::stopped).state, ProgressState::superseded);
}

TEST(Progress, a_removal_is_done_when_the_app_is_gone) {
    auto world = switching_world();
    world.apps[k_shop].run = AppRun::removing;
    EXPECT_EQ(departure(world, AppRun::removing).state, ProgressState::going_on);
    world.apps.clear();
    EXPECT_EQ(departure(world, AppRun::removing).state, ProgressState::settled);
}

TEST(Progress, one_instance_is_waited_for_alone) {
    auto world = switching_world();
    add_instance(world, "web-a");
    add_instance(world, "web-b");
    EXPECT_EQ(departure(world, AppRun::stopped, "web-a").state, ProgressState::going_on);
    world.instances.erase(InstanceId("web-a"));
    EXPECT_EQ(departure(world, AppRun::stopped, "web-a").state, ProgressState::settled);
}

TEST(Progress, a_stopped_app_wants_nothing) {
    auto world = switching_world();
    world.apps[k_shop].rollout.state = RolloutState::settled;
    world.apps[k_shop].run = AppRun::stopped;
    EXPECT_EQ(progress(world).state, ProgressState::settled);
}

TEST(InstanceView, goal_phase_and_health_are_one_state) {
    struct Case {
        InstanceGoal goal;
        InstancePhase phase;
        EndpointHealth health;
        InstanceState state;
    };
    using G = InstanceGoal;
    using P = InstancePhase;
    using H = EndpointHealth;
    using S = InstanceState;
    const Case cases[] = {
        {G::run, P::absent, H::unknown, S::preparing},
        {G::run, P::prepared, H::unknown, S::preparing},
        {G::run, P::running, H::unknown, S::starting},
        {G::run, P::running, H::healthy, S::running},
        {G::run, P::running, H::unhealthy, S::unhealthy},
        {G::run, P::backing_off, H::unknown, S::backing_off},
        {G::run, P::failed, H::unknown, S::failed},
        {G::drain, P::running, H::healthy, S::draining},
        {G::drain, P::ended, H::unknown, S::ended},
        {G::stop, P::running, H::healthy, S::stopping},
        {G::stop, P::stopping, H::healthy, S::stopping},
        {G::remove, P::absent, H::unknown, S::ended},
    };
    for (const auto& one : cases) {
        auto world = switching_world();
        add_instance(world, "web-a").phase = one.phase;
        world.instances[InstanceId("web-a")].goal = one.goal;
        world.edges[k_node].endpoints[InstanceId("web-a")].health = one.health;
        const auto view = instance_view(world, world.instances[InstanceId("web-a")]);
        EXPECT_EQ(view.state, one.state)
            << enum_word(one.goal) << " " << enum_word(one.phase) << " " << enum_word(one.health);
    }
}

TEST(InstanceView, draining_counts_in_words) {
    auto world = switching_world();
    add_instance(world, "web-a");
    world.instances[InstanceId("web-a")].goal = InstanceGoal::drain;
    const auto text = [&] {
        return instance_view(world, world.instances[InstanceId("web-a")]).text;
    };
    EXPECT_EQ(text(), "draining: nothing open");
    auto& endpoint = world.edges[k_node].endpoints[InstanceId("web-a")];
    endpoint.requests_open = 1;
    endpoint.oldest_open = seconds(59);
    EXPECT_EQ(text(), "draining: 1 request, oldest 59 s");
}

TEST(Urls, are_what_a_browser_here_can_open) {
    auto world = switching_world();
    EXPECT_EQ(route_url(world, "*", "/"), "");
    auto& listens = world.edges[k_node].report.listens;
    listens = {"0.0.0.0:8080"};
    EXPECT_EQ(route_url(world, "*", "/"), "http://127.0.0.1:8080/");
    EXPECT_EQ(route_url(world, "shop.localhost", "/x"), "http://shop.localhost:8080/x");
    EXPECT_EQ(route_url(world, "*.example.org", "/"), "");
    listens = {"[::]:80"};
    EXPECT_EQ(route_url(world, "shop.localhost", "/"), "http://shop.localhost/");
}

TEST(Top, a_quantile_is_the_upper_bound_of_its_bucket) {
    EXPECT_EQ(quantile_us({}, 0.5), std::nullopt);
    EXPECT_EQ(quantile_us({0, 0}, 0.5), std::nullopt);
    EXPECT_EQ(quantile_us({99, 1}, 0.99), 250);
    EXPECT_EQ(quantile_us({98, 2}, 0.99), 500);
    std::vector<std::int64_t> slow(std::size(k_latency_bounds_us) + 1);
    slow.back() = 1;
    EXPECT_EQ(quantile_us(slow, 0.5), 30'000'000);
}

TEST(Top, says_how_long_requests_waited_on_average) {
    auto world = switching_world();
    auto& apps = world.edges[k_node].report.apps;
    apps = {{.app = k_shop, .process = "web", .held_total = 10, .queue_us_total = 5'000}};
    const auto sample = [&](std::int64_t ms) { return take_sample(world, {"default", {}}, {ms}); };
    const auto before = sample(0);
    EXPECT_EQ(top_view(world, before, sample(1000), {}).apps.at(0).queue_us, std::nullopt);
    apps[0].held_total = 14;
    apps[0].queue_us_total = 13'000;
    EXPECT_EQ(top_view(world, before, sample(2000), {}).apps.at(0).queue_us, 2'000);
}

TEST(Top, rates_are_of_the_interval_and_survive_a_restarted_counter) {
    auto world = switching_world();
    auto& seen = add_instance(world, "web-a");
    const auto sample = [&](std::int64_t ms) { return take_sample(world, {"default", {}}, {ms}); };
    auto& endpoint = world.edges[k_node].endpoints[InstanceId("web-a")];
    seen.cpu_used_us = 1'000'000;
    endpoint.requests_total = 100;
    const auto before = sample(0);
    seen.cpu_used_us = 2'000'000;
    endpoint.requests_total = 150;
    const auto view = top_view(world, before, sample(2000), {});
    ASSERT_EQ(view.instances.size(), 1u);
    EXPECT_DOUBLE_EQ(view.instances[0].cpu_percent, 50);
    EXPECT_DOUBLE_EQ(view.instances[0].requests_per_s, 25);
    endpoint.requests_total = 10;
    EXPECT_DOUBLE_EQ(top_view(world, before, sample(2000), {}).instances[0].requests_per_s, 5);
}

TEST(Watch, a_difference_leads_from_one_picture_to_the_other) {
    auto world = switching_world();
    add_instance(world, "web-a");
    const AppFilter all{"default", {}};
    const auto before = watch_picture(world, all, {});
    EXPECT_TRUE(watch_difference(before, before).empty());
    world.apps[k_shop].generation = 6;
    world.instances.clear();
    const auto changes = watch_difference(before, watch_picture(world, all, {}));
    ASSERT_EQ(changes.size(), 2u);
    EXPECT_EQ(changes[0].change, WatchChange::removed);
    EXPECT_EQ(changes[0].id, "web-a");
    EXPECT_EQ(changes[1].kind, "app");
    EXPECT_EQ(changes[1].generation, 6);
    EXPECT_TRUE(watch_picture(world, {"other", {}}, {}).empty());
}

TEST(Watch, certificates_come_with_the_apps_that_they_serve) {
    auto world = switching_world();
    world.edge.routes = {{.host = "shop.example", .app = k_shop, .process = "web"},
                         {.host = "soon.example", .app = k_shop, .process = "web"}};
    for (const std::string name : {"shop", "unused"}) {
        const CertificateId id(name);
        world.certificates[id] = {
            .id = id, .hosts = {name + ".example"}, .not_after = {days(30).count}};
        world.edge.certificates.push_back({.id = id, .hosts = {name + ".example"}});
    }
    const auto seen_by = [&](const AppFilter& filter) {
        std::vector<std::string> ids;
        for (const auto& [key, view] : watch_picture(world, filter, {})) {
            if (key.first == "certificate") ids.push_back(key.second);
        }
        return ids;
    };
    EXPECT_THAT(seen_by({"default", {}}), ElementsAre("shop", "soon.example", "unused"));
    EXPECT_THAT(seen_by({"default", k_shop}), ElementsAre("shop", "soon.example"));
    EXPECT_THAT(seen_by({"other", {}}), ElementsAre("unused"));
}

// A watcher's picture is made anew with every change: it must not look at all for each.
TEST(Watch, tens_of_thousands_of_hosts_without_a_certificate_are_a_matter_of_moments) {
    World world;
    for (std::size_t i = 0; i < k_acme_certificates_max; ++i) {
        const CertificateId id(fmt::format("cert-{:06}", i));
        world.certificates[id] = {.id = id,
                                  .hosts = {fmt::format("c{:06}.example.org", i)},
                                  .source = CertificateSource::acme};
    }
    for (int i = 0; i < 40'000; ++i) {
        world.edge.routes.push_back({.host = fmt::format("h{:06}.example.org", i), .path = "/"});
    }
    world.acme = AcmeAccount{.registered = true};
    const auto begun = std::chrono::steady_clock::now();
    const auto views = certificate_views(world, {});
    EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(4));
    ASSERT_EQ(views.size(), 41'000U);
    EXPECT_THAT(views.back().used_by, ElementsAre("h039999.example.org/"));
    // Too many by far: nothing is ordered for it, and that is said.
    EXPECT_EQ(views.back().state, CertificateState::missing);
    EXPECT_THAT(views.back().trouble, HasSubstr("moln cert rm"));
    world.certificates.erase(world.certificates.begin());
    EXPECT_EQ(certificate_views(world, {}).back().trouble, "");
}

TEST(Watch, a_certificate_is_news_once_a_minute_however_often_something_else_changes) {
    auto world = switching_world();
    const CertificateId id("own");
    world.certificates[id] = {.id = id, .hosts = {"a.example"}, .not_after = {days(30).count}};
    const auto at = [&](std::int64_t ms) {
        return watch_picture(world, {"default", {}}, {.wall = {ms}, .mono = {}, .steady = {ms}});
    };
    const auto begin = at(120'000);
    EXPECT_TRUE(watch_difference(begin, at(179'999)).empty());
    const auto changes = watch_difference(begin, at(180'000));
    ASSERT_EQ(changes.size(), 1u);
    EXPECT_EQ(changes[0].kind, "certificate");
    EXPECT_EQ(changes[0].id, "own");
    world.certificates.clear();
    const auto gone = watch_difference(begin, at(120'000));
    ASSERT_EQ(gone.size(), 1u);
    EXPECT_EQ(gone[0].change, WatchChange::removed);
}

TEST(Targets, are_split_and_decoded) {
    const auto target = parse_target("/v1/x%2Fy?a=1&b=%C3%BC+&b=&c");
    ASSERT_TRUE(target);
    EXPECT_EQ(target->path, "/v1/x%2Fy");
    EXPECT_THAT(target->query.at("b"), ElementsAre("ü+", ""));
    EXPECT_THAT(target->query.at("c"), ElementsAre(""));
    EXPECT_FALSE(parse_target("no slash"));
    EXPECT_FALSE(parse_target("/x?a=%4"));
    EXPECT_FALSE(parse_target("/x?%zz=1"));
    std::string many = "/x?";
    for (std::size_t i = 0; i < k_query_params_max; ++i) many += "a=1&";
    EXPECT_TRUE(parse_target(many));
    EXPECT_FALSE(parse_target(many + "a=1"));
}

TEST(Table, no_two_rows_answer_the_same_request) {
    std::set<std::string> seen;
    for (const auto& resource : resources()) {
        for (const auto& endpoint : resource.endpoints) {
            EXPECT_TRUE(seen.insert(method_word(endpoint.method) + endpoint.path).second);
            EXPECT_NE(endpoint.handle, nullptr);
            EXPECT_FALSE(endpoint.summary.empty());
        }
    }
}

}  // namespace
}  // namespace moln::api
