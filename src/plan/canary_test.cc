#include "plan/canary.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plan/reality.h"

namespace moln::plan {
namespace {

using testing::HasSubstr;

const AppId k_shop("default/shop");

DeployCommand canary_of(AppConfig config, CanarySpec canary = {.share = 10}) {
    auto command = deploy_of("default/shop", std::move(config));
    command.canary = std::move(canary);
    return command;
}

class Canary : public testing::Test {
protected:
    void SetUp() override {
        ASSERT_TRUE(r.command(deploy_of("default/shop", web_config(2))));
        ASSERT_GE(r.settle(), 0);
    }
    const App& app() const { return r.world.apps.at(k_shop); }
    const EdgeApp& edge() const { return r.world.edge.apps.at(0); }
    std::int64_t active(std::int64_t release) const {
        return std::ranges::count_if(edge().endpoints, [&](const EdgeEndpoint& endpoint) {
            return endpoint.release == release && endpoint.state == EndpointState::active;
        });
    }
    std::int64_t instances(std::int64_t release) const {
        return std::ranges::count_if(
            r.world.instances, [&](const auto& entry) { return entry.second.release == release; });
    }
    void expect_refused(const Command& command, std::string_view reason) {
        const auto done = r.command(command);
        ASSERT_FALSE(done);
        EXPECT_THAT(done.error().reason, HasSubstr(reason));
    }

    Reality r;
};

TEST_F(Canary, serves_beside_the_release_before_until_it_is_promoted) {
    ASSERT_TRUE(r.command(canary_of(web_config(1), {.share = 10, .header = "X-Canary"})));
    ASSERT_GE(r.settle(), 0);
    EXPECT_EQ(app().rollout.state, RolloutState::canary);
    EXPECT_EQ(app().release_served, 1);
    EXPECT_EQ(edge().canary_release, 2);
    EXPECT_EQ(edge().canary.share, 10);
    EXPECT_EQ(edge().canary.header, "X-Canary");
    EXPECT_EQ(active(1), 2);
    EXPECT_EQ(active(2), 1);

    ASSERT_TRUE(r.command(SetCanaryCommand{k_shop, {.share = 50}}));
    ASSERT_GE(r.settle(), 0);
    EXPECT_EQ(edge().canary.share, 50);

    ASSERT_TRUE(r.command(PromoteCommand{k_shop}));
    ASSERT_GE(r.settle(), 0);
    EXPECT_EQ(app().rollout.state, RolloutState::settled);
    EXPECT_EQ(app().release_served, 2);
    EXPECT_EQ(edge().canary_release, 0);
    EXPECT_EQ(active(2), 1);
    EXPECT_EQ(instances(1), 0);
    EXPECT_FALSE(app().canary);
}

TEST_F(Canary, is_refused_beside_a_site_of_either_release) {
    auto config = web_config(1);
    config.site = SiteSpec{.folder = "public"};
    expect_refused(canary_of(config), "cannot have a canary: the edge serves its site");
    auto deploy = deploy_of("default/shop", config);
    deploy.image.layers = {"app-1", "site-" + std::string(32, '0')};
    ASSERT_TRUE(r.command(deploy));
    ASSERT_GE(r.settle(), 0);
    expect_refused(canary_of(web_config(1)), "cannot have a canary: the edge serves its site");
}

TEST_F(Canary, rolled_back_leaves_those_that_served_alone_and_says_so) {
    const auto before = r.world.instances;
    ASSERT_TRUE(r.command(canary_of(web_config(2))));
    ASSERT_GE(r.settle(), 0);
    const auto back = r.command(RollbackCommand{k_shop});
    ASSERT_TRUE(back);
    EXPECT_THAT(back->effects,
                testing::ElementsAre("lead all requests to release 1, which runs still",
                                     "then drain and stop 2 running instances; what is written "
                                     "outside volumes goes to the trash"));
    ASSERT_GE(r.settle(), 0);
    EXPECT_EQ(app().release, 1);
    EXPECT_EQ(app().rollout.state, RolloutState::settled);
    EXPECT_EQ(edge().canary_release, 0);
    EXPECT_EQ(r.world.instances, before);
}

TEST_F(Canary, that_crashes_while_it_serves_is_rolled_back) {
    ASSERT_TRUE(r.command(canary_of(web_config(1))));
    ASSERT_GE(r.settle(), 0);
    ASSERT_EQ(app().rollout.state, RolloutState::canary);
    r.behaviours[2] = Behaviour::crashing;
    for (auto& [id, seen] : r.world.nodes.at(r.world.self).instances) {
        if (r.world.instances.at(id).release != 2) continue;
        seen.phase = InstancePhase::ended;
        seen.restarts = 3;
    }
    ASSERT_GE(r.settle(), 0);
    EXPECT_EQ(app().release, 1);
    EXPECT_EQ(app().rollout.state, RolloutState::failed);
    EXPECT_EQ(edge().canary_release, 0);
    EXPECT_EQ(active(1), 2);
    EXPECT_EQ(instances(2), 0);
}

TEST_F(Canary, overtaken_by_another_deploy_leaves) {
    ASSERT_TRUE(r.command(canary_of(web_config(1))));
    ASSERT_GE(r.settle(), 0);
    ASSERT_TRUE(r.command(canary_of(web_config(1))));
    ASSERT_GE(r.settle(), 0);
    EXPECT_EQ(edge().canary_release, 3);
    EXPECT_EQ(instances(2), 0);
    EXPECT_EQ(active(1), 2);
    ASSERT_TRUE(r.command(deploy_of("default/shop", web_config(2))));
    ASSERT_GE(r.settle(), 0);
    EXPECT_EQ(app().release_served, 4);
    EXPECT_FALSE(app().canary);
    EXPECT_EQ(instances(1) + instances(3), 0);
}

TEST_F(Canary, has_no_workers_before_it_is_promoted) {
    auto config = web_config(1);
    config.processes["worker"].command = {"/app/work"};
    ASSERT_TRUE(r.command(canary_of(config)));
    ASSERT_GE(r.settle(), 0);
    EXPECT_EQ(app().rollout.state, RolloutState::canary);
    EXPECT_EQ(instances(2), 1);
    ASSERT_TRUE(r.command(PromoteCommand{k_shop}));
    ASSERT_GE(r.settle(), 0);
    EXPECT_EQ(instances(2), 2);
}

TEST_F(Canary, goes_when_the_app_is_stopped) {
    ASSERT_TRUE(r.command(canary_of(web_config(1))));
    ASSERT_GE(r.settle(), 0);
    ASSERT_TRUE(r.command(StopCommand{k_shop}));
    ASSERT_GE(r.settle(), 0);
    ASSERT_TRUE(r.command(StartCommand{k_shop}));
    ASSERT_GE(r.settle(), 0);
    EXPECT_EQ(app().release_served, 1);
    EXPECT_EQ(active(1), 2);
    EXPECT_EQ(edge().canary_release, 0);
}

TEST_F(Canary, is_refused_where_it_cannot_be) {
    expect_refused(PromoteCommand{k_shop}, "has no canary");
    expect_refused(SetCanaryCommand{k_shop, {.share = 1}}, "has no canary");
    expect_refused(canary_of(web_config(1), {.share = 101}), "0 to 100 per cent");
    auto single = web_config(1);
    single.volumes = {{.name = "data", .path = "/data", .sharing = Sharing::exclusive}};
    expect_refused(canary_of(single), "one instance's hands");
    auto fresh = canary_of(web_config(1));
    fresh.app = AppId("default/fresh");
    expect_refused(fresh, "no release that serves");
    ASSERT_TRUE(r.command(canary_of(web_config(1))));
    ASSERT_GE(r.settle(), 0);
    expect_refused(RestartCommand{k_shop}, "has a canary: `moln promote` or `moln rollback` first");
}

TEST_F(Canary, is_kept_by_a_change_of_the_environment) {
    ASSERT_TRUE(r.command(canary_of(web_config(1))));
    ASSERT_GE(r.settle(), 0);
    ASSERT_TRUE(r.command(SetEnvCommand{k_shop, {{"COLOR", "blue"}}, {}}));
    ASSERT_GE(r.settle(), 0);
    EXPECT_EQ(app().rollout.state, RolloutState::canary);
    EXPECT_EQ(app().release_served, 1);
    EXPECT_EQ(edge().canary_release, 3);
    EXPECT_EQ(active(1), 2);
    EXPECT_EQ(instances(2), 0);
}

TEST_F(Canary, is_scaled_with_the_release_that_serves) {
    ASSERT_TRUE(r.command(canary_of(web_config(1))));
    ASSERT_GE(r.settle(), 0);
    ASSERT_TRUE(r.command(ScaleCommand{k_shop, {{"web", 4}}}));
    ASSERT_GE(r.settle(), 0);
    EXPECT_EQ(app().rollout.state, RolloutState::canary);
    EXPECT_EQ(active(1), 4);
    EXPECT_EQ(active(2), 4);
    ASSERT_TRUE(r.command(ScaleCommand{k_shop, {{"web", 1}}}));
    ASSERT_GE(r.settle(), 0);
    EXPECT_EQ(active(1), 1);
    EXPECT_EQ(active(2), 1);
    EXPECT_EQ(instances(1) + instances(2), 2);
}

TEST_F(Canary, leaves_the_processes_that_it_does_not_have_and_their_scale) {
    auto config = web_config(2);
    config.processes["worker"].command = {"/app/work"};
    ASSERT_TRUE(r.command(deploy_of("default/shop", config)));
    ASSERT_GE(r.settle(), 0);
    ASSERT_TRUE(r.command(ScaleCommand{k_shop, {{"worker", 3}}}));
    ASSERT_GE(r.settle(), 0);
    ASSERT_EQ(instances(2), 2 + 3);

    auto other = web_config(2);
    other.processes["admin"] = other.processes["web"];
    ASSERT_TRUE(r.command(canary_of(other)));
    ASSERT_GE(r.settle(), 0);
    EXPECT_EQ(instances(2), 2 + 3);
    ASSERT_TRUE(r.command(ScaleCommand{k_shop, {{"worker", 4}, {"admin", 2}}}));
    ASSERT_GE(r.settle(), 0);
    EXPECT_EQ(instances(2), 2 + 4);
    EXPECT_EQ(instances(3), 2 + 2);
    expect_refused(ScaleCommand{k_shop, {{"nothing", 1}}},
                   "has no process nothing: it has admin, web, worker");

    ASSERT_TRUE(r.command(RollbackCommand{k_shop}));
    ASSERT_GE(r.settle(), 0);
    EXPECT_EQ(instances(2), 2 + 4);
    EXPECT_EQ(app().scale, (std::map<std::string, std::int64_t>{{"worker", 4}}));
}

TEST_F(Canary, has_beside_it_all_instances_of_the_release_that_serves) {
    ASSERT_TRUE(r.command(canary_of(web_config(1))));
    ASSERT_GE(r.settle(), 0);
    const auto serving = std::ranges::find_if(
        r.world.instances, [](const auto& entry) { return entry.second.release == 1; });
    const auto stopped = serving->first;
    ASSERT_TRUE(r.command(StopInstanceCommand{.instance = stopped, .now = true}));
    ASSERT_GE(r.settle(), 0);
    EXPECT_EQ(active(1), 2);
    EXPECT_EQ(active(2), 1);
    const auto other = std::ranges::find_if(
        r.world.instances, [](const auto& entry) { return entry.second.release == 1; });
    const auto replaced = other->first;
    ASSERT_TRUE(r.command(StopInstanceCommand{.instance = replaced}));
    ASSERT_GE(r.settle(), 0);
    EXPECT_FALSE(r.world.instances.contains(replaced));
    EXPECT_EQ(active(1), 2);
    EXPECT_EQ(active(2), 1);
}

TEST_F(Canary, leaves_cron_jobs_and_one_offs_to_the_release_that_serves) {
    auto config = web_config(1);
    config.processes["nightly"] = {
        .kind = ProcessKind::cron, .command = {"/app/nightly"}, .schedule = "* * * * *"};
    std::map<InstanceKind, std::set<std::int64_t>> releases;
    const auto go_on = [&] {
        for (int i = 0; i < 20; ++i) {
            r.pass(seconds(10));
            r.plan_once();
            for (const auto& [id, one] : r.world.instances) releases[one.kind].insert(one.release);
            r.step();
        }
    };
    ASSERT_TRUE(r.command(deploy_of("default/shop", config)));
    go_on();
    ASSERT_TRUE(r.command(canary_of(config)));
    go_on();
    ASSERT_EQ(app().rollout.state, RolloutState::canary);
    releases.clear();
    ASSERT_TRUE(r.command(RunCommand{k_shop, {"/bin/true"}}));
    go_on();
    EXPECT_EQ(releases[InstanceKind::cron], std::set<std::int64_t>{2});
    EXPECT_EQ(releases[InstanceKind::run], std::set<std::int64_t>{2});
}

TEST_F(Canary, routes_added_beside_it_are_those_of_the_release_that_serves) {
    auto config = web_config(1);
    config.processes["api"] = config.processes["web"];
    config.routes = {{.host = "shop.example.org", .auth = AuthSpec{.users = {"eva:$2b$x"}}}};
    ASSERT_TRUE(r.command(deploy_of("default/shop", config)));
    ASSERT_GE(r.settle(), 0);
    auto other = web_config(1);
    other.processes["admin"] = other.processes["web"];
    other.routes = {{.host = "new.example.org"}};
    ASSERT_TRUE(r.command(canary_of(other)));
    ASSERT_GE(r.settle(), 0);
    const auto add = [](std::string host, std::string process) {
        return AddRouteCommand{k_shop, {.host = std::move(host), .process = std::move(process)}};
    };
    // A password is not taken away, now or later, by a route without one at its place.
    expect_refused(add("shop.example.org", "web"), "by its moln.toml");
    expect_refused(add("new.example.org", "web"), "by its moln.toml");
    ASSERT_TRUE(r.command(add("api.example.org", "api")));
    ASSERT_GE(r.settle(), 0);
    EXPECT_TRUE(std::ranges::any_of(r.world.edge.routes, [](const EdgeRoute& route) {
        return route.host == "api.example.org" && route.process == "api";
    }));
    const auto later = r.command(add("admin.example.org", "admin"));
    ASSERT_TRUE(later) << later.error().reason;
    EXPECT_THAT(later->reply.text, HasSubstr("once release 3 serves"));
    expect_refused(add("none.example.org", "none"), "has no web process none to route to");
}

TEST_F(Canary, takes_routes_and_processes_away_when_it_is_promoted_and_says_so_then) {
    auto config = web_config(1);
    config.processes["api"] = config.processes["web"];
    ASSERT_TRUE(r.command(deploy_of("default/shop", config)));
    ASSERT_TRUE(r.command(AddRouteCommand{k_shop, {.host = "api.test", .process = "api"}}));
    ASSERT_GE(r.settle(), 0);
    const auto told = [&] {
        return std::ranges::count_if(
            r.world.events, [](const auto& one) { return one.second.name == "route.lost"; });
    };
    ASSERT_TRUE(r.command(canary_of(web_config(1))));
    ASSERT_GE(r.settle(), 0);
    EXPECT_EQ(told(), 0);
    const auto promoted = r.command(PromoteCommand{k_shop});
    ASSERT_TRUE(promoted);
    EXPECT_EQ(told(), 1);
    EXPECT_THAT(promoted->effects,
                testing::Contains("stop 1 of api: the new release has no such process"));
}

TEST_F(Canary, maintenance_is_told_to_the_edge) {
    expect_refused(SetMaintenanceCommand{k_shop, std::nullopt}, "is not in maintenance");
    ASSERT_TRUE(r.command(SetMaintenanceCommand{k_shop, MaintenanceSpec{.page = "<p>soon</p>"}}));
    ASSERT_GE(r.settle(), 0);
    EXPECT_EQ(edge().maintenance->page, "<p>soon</p>");
    EXPECT_EQ(active(1), 2);
    ASSERT_TRUE(r.command(SetMaintenanceCommand{k_shop, std::nullopt}));
    ASSERT_GE(r.settle(), 0);
    EXPECT_FALSE(edge().maintenance);
}

}  // namespace
}  // namespace moln::plan
