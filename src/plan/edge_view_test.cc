#include "plan/edge_view.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "model/limits.h"
#include "plan/plan.h"
#include "plan/reality.h"

namespace moln::plan {
namespace {

const AppId k_shop("default/shop");

std::string leads_to(const Reality& r, const std::string& host, const std::string& path = "/") {
    for (const auto& route : r.world.edge.routes) {
        if (route.host == host && route.path == path) return route.app.text + "/" + route.process;
    }
    return "";
}

TEST(EdgeView, every_app_has_a_host_of_its_own) {
    Reality r;
    ASSERT_TRUE(r.command(deploy_of("default/shop", web_config(1))));
    ASSERT_TRUE(r.command(deploy_of("team/shop", web_config(1))));
    ASSERT_GE(r.settle(), 0);
    EXPECT_EQ(leads_to(r, "shop.localhost"), "default/shop/web");
    EXPECT_EQ(leads_to(r, "shop.team.localhost"), "team/shop/web");
    EXPECT_TRUE(std::ranges::is_sorted(r.world.edge.routes, {}, &EdgeRoute::host));
}

TEST(EdgeView, route_that_a_user_made_goes_before_a_default_host) {
    Reality r;
    ASSERT_TRUE(r.command(deploy_of("default/blog", web_config(1))));
    ASSERT_TRUE(r.command(AddRouteCommand{AppId("default/blog"), {.host = "shop.localhost"}}));
    ASSERT_TRUE(r.command(deploy_of("default/shop", web_config(1))));
    ASSERT_GE(r.settle(), 0);
    EXPECT_EQ(leads_to(r, "shop.localhost"), "default/blog/web");
}

TEST(EdgeView, routes_are_those_of_the_serving_release_until_the_switch) {
    Reality r;
    auto config = web_config(1);
    config.routes.push_back({.host = "old.org"});
    ASSERT_TRUE(r.command(deploy_of("default/shop", config)));
    ASSERT_GE(r.settle(), 0);
    config.routes[0].host = "new.org";
    ASSERT_TRUE(r.command(deploy_of("default/shop", config)));
    r.plan_once();
    EXPECT_EQ(leads_to(r, "old.org"), "default/shop/web");
    EXPECT_EQ(leads_to(r, "new.org"), "");
    ASSERT_GE(r.settle(), 0);
    EXPECT_EQ(leads_to(r, "new.org"), "default/shop/web");
}

// Which of the two it was depended on the names of their processes, and, of the same process, on
// nothing at all: a password could be lost.
TEST(EdgeView, route_that_was_added_lies_over_one_of_a_release_that_came_later) {
    Reality r;
    ASSERT_TRUE(r.command(deploy_of("default/shop", web_config(1))));
    const RouteSpec added{.host = "shop.org", .auth = AuthSpec{.users = {"eva:$2b$x"}}};
    ASSERT_TRUE(r.command(AddRouteCommand{k_shop, added}));
    auto config = web_config(1);
    config.processes["api"] = config.processes["web"];
    config.routes = {{.host = "shop.org", .process = "api"}};
    for (int i = 0; i < 40; ++i) {
        config.routes.push_back({.host = "shop.org", .path = fmt::format("/{}", i)});
    }
    ASSERT_TRUE(r.command(deploy_of("default/shop", config)));
    ASSERT_GE(r.settle(), 0);
    EXPECT_EQ(leads_to(r, "shop.org"), "default/shop/web");
    EXPECT_TRUE(std::ranges::any_of(r.world.edge.routes, [](const EdgeRoute& route) {
        return route.path == "/" && route.host == "shop.org" && route.auth.has_value();
    }));
}

AppConfig site_config() {
    AppConfig config;
    config.site = SiteSpec{};
    return config;
}

DeployCommand site_of(const std::string& app, char digit, AppConfig config = site_config()) {
    auto command = deploy_of(app, std::move(config));
    command.image.layers = {std::string("app-") + digit, "site-" + std::string(32, digit)};
    return command;
}

const EdgeApp* edge_app(const Reality& r, const std::string& process) {
    for (const auto& app : r.world.edge.apps) {
        if (app.app == k_shop && app.process == process) return &app;
    }
    return nullptr;
}

std::string site_at_edge(const Reality& r) {
    const auto* app = edge_app(r, "site");
    return app != nullptr && app->site ? app->site->name.substr(5, 1) : "";
}

TEST(EdgeView, app_of_files_alone_is_served_at_once_and_has_no_instance) {
    Reality r;
    ASSERT_TRUE(r.command(site_of("default/shop", 'a')));
    r.plan_once();
    EXPECT_EQ(r.world.apps.at(k_shop).rollout.state, RolloutState::settled);
    EXPECT_EQ(leads_to(r, "shop.localhost"), "default/shop/site");
    EXPECT_EQ(site_at_edge(r), "a");
    EXPECT_TRUE(r.world.instances.empty());
    ASSERT_TRUE(r.command(site_of("default/shop", 'b')));
    r.plan_once();
    EXPECT_EQ(site_at_edge(r), "b");
    ASSERT_TRUE(r.command(RollbackCommand{k_shop}));
    r.plan_once();
    EXPECT_EQ(site_at_edge(r), "a");
    ASSERT_GE(r.settle(), 0);
}

// Whoever had a route to the process goes on to the site, and back.
TEST(EdgeView, app_that_becomes_a_site_switches_in_one_snapshot) {
    Reality r;
    ASSERT_TRUE(r.command(deploy_of("default/shop", web_config(1))));
    ASSERT_GE(r.settle(), 0);
    ASSERT_TRUE(r.command(AddRouteCommand{k_shop, {.host = "shop.test"}}));
    ASSERT_TRUE(r.command(site_of("default/shop", 'a')));
    r.plan_once();
    EXPECT_EQ(leads_to(r, "shop.test"), "default/shop/site");
    EXPECT_EQ(leads_to(r, "shop.localhost"), "default/shop/site");
    ASSERT_NE(edge_app(r, "web"), nullptr);
    EXPECT_EQ(edge_app(r, "web")->endpoints.at(0).state, EndpointState::draining);
    ASSERT_GE(r.settle(), 0);
    EXPECT_TRUE(r.world.instances.empty());
    EXPECT_EQ(edge_app(r, "web"), nullptr);

    ASSERT_TRUE(r.command(deploy_of("default/shop", web_config(1))));
    for (int i = 0; i < 50 && leads_to(r, "shop.test") != "default/shop/web"; ++i) {
        EXPECT_EQ(site_at_edge(r), "a");
        r.plan_once();
        r.step();
        r.pass(Milliseconds{200});
    }
    EXPECT_EQ(leads_to(r, "shop.test"), "default/shop/web");
    EXPECT_EQ(edge_app(r, "web")->endpoints.at(0).state, EndpointState::active);
    EXPECT_EQ(edge_app(r, "site"), nullptr);
}

TEST(EdgeView, site_and_process_beside_each_other_switch_together) {
    Reality r;
    auto config = web_config(1);
    config.site = SiteSpec{.folder = "public"};
    config.routes = {{.host = "shop.test", .process = "site"},
                     {.host = "shop.test", .path = "/api"}};
    ASSERT_TRUE(r.command(site_of("default/shop", 'a', config)));
    ASSERT_GE(r.settle(), 0);
    EXPECT_EQ(leads_to(r, "shop.test"), "default/shop/site");
    EXPECT_EQ(leads_to(r, "shop.test", "/api"), "default/shop/web");
    EXPECT_EQ(leads_to(r, "shop.localhost"), "default/shop/web");
    ASSERT_TRUE(r.command(site_of("default/shop", 'b', config)));
    r.plan_once();
    EXPECT_EQ(site_at_edge(r), "a");  // until what is beside it is proved
    ASSERT_GE(r.settle(), 0);
    EXPECT_EQ(site_at_edge(r), "b");
}

TEST(EdgeView, stopped_app_has_no_site_at_the_edge_and_keeps_its_route) {
    Reality r;
    ASSERT_TRUE(r.command(site_of("default/shop", 'a')));
    ASSERT_GE(r.settle(), 0);
    ASSERT_TRUE(r.command(StopCommand{k_shop}));
    ASSERT_GE(r.settle(), 0);
    EXPECT_EQ(leads_to(r, "shop.localhost"), "default/shop/site");
    EXPECT_EQ(site_at_edge(r), "");
    ASSERT_TRUE(r.command(StartCommand{k_shop}));
    ASSERT_GE(r.settle(), 0);
    EXPECT_EQ(site_at_edge(r), "a");
}

TEST(EdgeView, removed_site_comes_back_from_the_trash) {
    Reality r;
    ASSERT_TRUE(r.command(site_of("default/shop", 'a')));
    ASSERT_GE(r.settle(), 0);
    ASSERT_TRUE(r.command(RemoveAppCommand{k_shop}));
    ASSERT_GE(r.settle(), 0);
    EXPECT_EQ(leads_to(r, "shop.localhost"), "");
    ASSERT_TRUE(r.command(RecoverCommand{r.world.trash.begin()->first}));
    ASSERT_GE(r.settle(), 0);
    EXPECT_EQ(site_at_edge(r), "a");
}

TEST(EdgeView, site_is_of_no_use_to_a_stream) {
    Reality r;
    ASSERT_TRUE(r.command(site_of("default/shop", 'a')));
    EXPECT_FALSE(r.command(AddRouteCommand{k_shop, {.host = "*", .listen = "tcp:5432"}}));
    EXPECT_FALSE(r.command(AddRouteCommand{k_shop, {.host = "a.test", .process = "api"}}));
    EXPECT_TRUE(r.command(AddRouteCommand{k_shop, {.host = "a.test", .process = "site"}}));
}

TEST(EdgeView, a_process_says_what_its_instances_have_at_once_and_what_waits) {
    Reality r;
    auto config = web_config(1);
    config.processes["web"].concurrency = 4;
    config.processes["web"].queue = 7;
    config.processes["web"].queue_time = seconds(9);
    ASSERT_TRUE(r.command(deploy_of("default/shop", config)));
    ASSERT_GE(r.settle(), 0);
    ASSERT_EQ(r.world.edge.apps.size(), 1U);
    EXPECT_EQ(r.world.edge.apps[0].concurrency, 4);
    EXPECT_EQ(r.world.edge.apps[0].hold_requests_max, 7);
    EXPECT_EQ(r.world.edge.apps[0].hold_limit, seconds(9));
}

// In the middle of a switch each endpoint is spoken to as its own release wants it.
TEST(EdgeView, an_endpoint_is_spoken_to_as_its_release_says) {
    Reality r;
    auto config = web_config(1);
    ASSERT_TRUE(r.command(deploy_of("default/shop", config)));
    ASSERT_GE(r.settle(), 0);
    EXPECT_EQ(r.world.edge.apps[0].endpoints[0].protocol, WebProtocol::http);
    config.processes["web"].protocol = WebProtocol::h2c;
    ASSERT_TRUE(r.command(deploy_of("default/shop", config)));
    ASSERT_GE(r.settle(), 0);
    ASSERT_EQ(r.world.edge.apps[0].endpoints.size(), 1U);
    EXPECT_EQ(r.world.edge.apps[0].endpoints[0].protocol, WebProtocol::h2c);
}

TEST(EdgeView, app_without_a_web_process_is_not_routed_to) {
    Reality r;
    AppConfig config;
    config.processes["worker"].command = {"/app/work"};
    ASSERT_TRUE(r.command(deploy_of("default/shop", config)));
    ASSERT_GE(r.settle(), 0);
    EXPECT_TRUE(r.world.edge.routes.empty());
    EXPECT_TRUE(r.world.edge.apps.empty());
}

TEST(EdgeView, stopped_app_is_routed_to_and_its_requests_do_not_wait) {
    Reality r;
    ASSERT_TRUE(r.command(deploy_of("default/shop", web_config(1))));
    ASSERT_GE(r.settle(), 0);
    ASSERT_TRUE(r.command(StopCommand{k_shop}));
    ASSERT_GE(r.settle(), 0);
    EXPECT_EQ(leads_to(r, "shop.localhost"), "default/shop/web");
    EXPECT_TRUE(r.world.edge.apps[0].endpoints.empty());
    EXPECT_FALSE(r.world.edge.apps[0].hold);
}

TEST(EdgeView, version_stays_while_nothing_changes_and_rises_with_the_leader) {
    Reality r;
    ASSERT_TRUE(r.command(deploy_of("default/shop", web_config(1))));
    ASSERT_GE(r.settle(), 0);
    EXPECT_EQ(edge_view(r.world, r.now), r.world.edge);
    ++r.world.epoch;
    const auto next = edge_view(r.world, r.now);
    EXPECT_EQ(next.version, r.world.edge.version + 1);
    EXPECT_EQ(next.epoch, r.world.epoch);
}

TEST(EdgeView, drain_of_a_former_leader_waits_for_this_ones_snapshot) {
    Reality r;
    ASSERT_TRUE(r.command(deploy_of("default/shop", web_config(1))));
    ASSERT_GE(r.settle(), 0);
    const auto id = r.world.instances.begin()->first;
    r.open[id] = 1;
    ASSERT_TRUE(r.command(deploy_of("default/shop", web_config(1))));
    ASSERT_GE(r.settle(), 0);
    ASSERT_EQ(r.world.instances.at(id).goal, InstanceGoal::drain);
    // The daemon was restarted; the edge still reports under the old epoch, idle by now.
    ++r.world.epoch;
    auto& edge = r.world.edges.at(r.world.self);
    edge.endpoints.at(id).requests_open = 0;
    r.plan_once();
    EXPECT_EQ(r.world.instances.at(id).goal, InstanceGoal::drain);
    r.open[id] = 0;
    ASSERT_GE(r.settle(), 0);
    EXPECT_FALSE(r.world.instances.contains(id));
}

TEST(EdgeView, streams_are_those_of_the_release_and_those_that_were_added) {
    Reality r;
    auto config = web_config(1);
    config.health.kind = HealthKind::http;
    config.processes["db"] = config.processes["web"];
    config.processes["names"] = config.processes["web"];
    config.routes = {{.host = "*", .process = "db", .listen = "tcp:5432", .port = 7},
                     {.host = "*", .process = "names", .listen = "udp:53"}};
    config.routes[1].keep_source = true;
    ASSERT_TRUE(r.command(deploy_of("default/shop", config)));
    RouteSpec added{.host = "db.test", .process = "db", .listen = "tcp:8443"};
    added.send_proxy = SendProxy::v2;
    added.idle = minutes(5);
    ASSERT_TRUE(r.command(AddRouteCommand{k_shop, added}));
    ASSERT_GE(r.settle(), 0);
    const auto& edge = r.world.edge;
    ASSERT_EQ(edge.streams.size(), 3U);
    EXPECT_EQ(edge.streams[0],
              (EdgeStream{.listen = "tcp:5432", .app = k_shop, .process = "db", .port = 7}));
    EXPECT_EQ(edge.streams[1], (EdgeStream{.listen = "tcp:8443",
                                           .host = "db.test",
                                           .app = k_shop,
                                           .process = "db",
                                           .send_proxy = SendProxy::v2,
                                           .idle = minutes(5)}));
    EXPECT_EQ(edge.streams[2].idle, k_udp_idle_default);
    EXPECT_TRUE(edge.streams[2].keep_source);
    // No host leads to a port, and who is reached by ports alone is not asked for a page.
    EXPECT_EQ(leads_to(r, "*"), "");
    EXPECT_EQ(leads_to(r, "shop.localhost"), "default/shop/web");
    std::map<std::string, HealthKind> kinds;
    for (const auto& app : edge.apps) kinds[app.process] = app.health.kind;
    EXPECT_EQ(kinds, (std::map<std::string, HealthKind>{{"db", HealthKind::tcp},
                                                        {"names", HealthKind::running},
                                                        {"web", HealthKind::http}}));
}

TEST(EdgeView, an_app_of_ports_alone_has_no_host) {
    Reality r;
    auto config = web_config(1);
    auto process = config.processes.extract("web");
    process.key() = "postgres";
    config.processes.insert(std::move(process));
    config.routes = {{.host = "*", .process = "postgres", .listen = "tcp:5432"}};
    ASSERT_TRUE(r.command(deploy_of("default/db", config)));
    ASSERT_GE(r.settle(), 0);
    EXPECT_TRUE(r.world.edge.routes.empty());
    EXPECT_EQ(r.world.edge.streams.size(), 1U);
}

TEST(EdgeView, of_streams_in_each_others_way_one_stays_and_the_snapshot_is_sound) {
    Reality r;
    auto config = web_config(1);
    config.routes = {{.host = "*", .listen = "tcp:5432"}};
    ASSERT_TRUE(r.command(deploy_of("default/b", config)));
    ASSERT_TRUE(r.command(deploy_of("default/a", web_config(1))));
    ASSERT_GE(r.settle(), 0);
    // As an app that came back from the trash may have it.
    r.world.apps[AppId("default/a")].routes = {
        {.host = "*", .listen = "tcp:5432"},
        {.host = "x.test", .listen = "tcp:5432", .accept_proxy = true}};
    const auto edge = edge_view(r.world, r.now);
    ASSERT_EQ(edge.streams.size(), 1U);
    EXPECT_EQ(edge.streams[0].app, AppId("default/a"));
}

}  // namespace
}  // namespace moln::plan
