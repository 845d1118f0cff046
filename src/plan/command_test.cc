// Every command: what it changes, and why it is refused.
#include "plan/command.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/limits.h"
#include "plan/decision.h"
#include "plan/reality.h"

namespace moln::plan {
namespace {

using testing::Contains;
using testing::HasSubstr;

const AppId k_shop("default/shop");
const AppId k_none("default/none");

class Commands : public testing::Test {
protected:
    void deploy(AppConfig config = web_config(1)) {
        ASSERT_TRUE(r.command(deploy_of("default/shop", std::move(config))));
        ASSERT_GE(r.settle(), 0);
    }
    const App& shop() const { return r.world.apps.at(k_shop); }

    void expect_refused(const Command& command, ErrorCode code, const std::string& words) {
        const auto before = r.world.event_number;
        const auto outcome = r.command(command);
        ASSERT_FALSE(outcome.has_value());
        EXPECT_EQ(outcome.error().code, code) << outcome.error().reason;
        EXPECT_THAT(outcome.error().reason, HasSubstr(words));
        EXPECT_EQ(r.world.event_number, before);
    }
    TrashId only_trash(TrashKind kind) const {
        for (const auto& [id, item] : r.world.trash) {
            if (item.kind == kind) return id;
        }
        return {};
    }

    Reality r;
};

// ---- deploy and rollback --------------------------------------------------------------------

TEST_F(Commands, deploy_makes_project_app_and_release) {
    deploy();
    EXPECT_EQ(r.world.projects.at(ProjectId("default")).network, 1);
    EXPECT_EQ(shop().uid_base, 1'000'000);
    EXPECT_EQ(shop().releases_made, 1);
    ASSERT_TRUE(r.command(deploy_of("team/shop", web_config(1))));
    EXPECT_EQ(r.world.projects.at(ProjectId("team")).network, 2);
    EXPECT_EQ(r.world.apps.at(AppId("team/shop")).uid_base, 1'065'536);
}

TEST_F(Commands, deploy_of_a_bad_config_is_invalid) {
    auto config = web_config(1);
    config.processes["web"].port = 0;
    expect_refused(deploy_of("default/shop", config), ErrorCode::invalid, "port");
    expect_refused(deploy_of("no-slash", web_config(1)), ErrorCode::invalid, "");
}

TEST_F(Commands, deploy_at_another_generation_conflicts) {
    deploy();
    const auto outcome = decide(r.world, deploy_of("default/shop", web_config(1)),
                                Expected{.generation = 7}, r.now, 1);
    ASSERT_FALSE(outcome.has_value());
    EXPECT_EQ(outcome.error().code, ErrorCode::conflict);
}

TEST_F(Commands, deploy_under_a_scale_that_two_writers_would_need_is_refused) {
    deploy(web_config(1));
    ASSERT_TRUE(r.command(ScaleCommand{k_shop, {{"web", 2}}}));
    auto config = web_config(1);
    config.volumes.push_back({.name = "data", .path = "/data", .processes = {}});
    expect_refused(deploy_of("default/shop", config), ErrorCode::refused, "exclusive volume data");
}

TEST_F(Commands, deploy_of_a_route_of_another_app_names_it) {
    auto config = web_config(1);
    config.routes.push_back({.host = "shop.example.org"});
    deploy(config);
    expect_refused(deploy_of("default/blog", config), ErrorCode::exists, "default/shop");
}

TEST_F(Commands, deploy_of_more_instances_than_an_app_may_have_is_refused) {
    auto config = web_config(k_instances_per_app_max);
    ASSERT_TRUE(decide(r.world, deploy_of("default/shop", config), {}, r.now, 1).has_value());
    config.processes["more"] = {.command = {"/app/more"}};
    expect_refused(deploy_of("default/shop", config), ErrorCode::refused, "1001 instances");
}

TEST_F(Commands, dry_run_of_a_deploy_says_what_it_would_drop) {
    auto config = web_config(1);
    config.processes["worker"] = {.command = {"/app/work"}};
    config.volumes.push_back({.name = "data", .path = "/data", .processes = {"web"}});
    deploy(config);
    const auto outcome = decide(r.world, deploy_of("default/shop", web_config(1)), {}, r.now, 1);
    ASSERT_TRUE(outcome.has_value());
    EXPECT_THAT(outcome->effects, Contains(HasSubstr("stop 1 of worker")));
    EXPECT_THAT(outcome->effects, Contains(HasSubstr("keep volume data")));
    EXPECT_THAT(outcome->effects, Contains(HasSubstr("goes to the trash")));
}

TEST_F(Commands, rollback_goes_to_the_release_that_served_before) {
    deploy();
    deploy();
    ASSERT_TRUE(r.command(RollbackCommand{k_shop, 0}));
    EXPECT_EQ(shop().release, 1);
    ASSERT_GE(r.settle(), 0);
    EXPECT_EQ(shop().release_served, 1);
}

TEST_F(Commands, rollback_without_a_target_is_refused) {
    expect_refused(RollbackCommand{k_none, 0}, ErrorCode::not_found,
                   "app none: there is none of that name");
    deploy();
    expect_refused(RollbackCommand{k_shop, 0}, ErrorCode::refused, "no release before 1");
    expect_refused(RollbackCommand{k_shop, 9}, ErrorCode::not_found, "no release 9");
    expect_refused(RollbackCommand{k_shop, 1}, ErrorCode::refused, "wanted one already");
}

// ---- env, secrets, scale, routes ------------------------------------------------------------

TEST_F(Commands, env_makes_a_release_and_unset_uncovers_the_own_value) {
    auto config = web_config(1);
    config.env["COLOR"] = "blue";
    deploy(config);
    const auto env = [&] { return r.world.releases.at(k_shop).at(shop().release).config.env; };
    ASSERT_TRUE(r.command(SetEnvCommand{k_shop, {{"COLOR", "red"}}, {}}));
    EXPECT_EQ(shop().release, 2);
    EXPECT_EQ(env().at("COLOR"), "red");
    ASSERT_TRUE(r.command(SetEnvCommand{k_shop, {}, {"COLOR"}}));
    EXPECT_EQ(env().at("COLOR"), "blue");
}

TEST_F(Commands, env_that_is_none_is_refused) {
    deploy();
    expect_refused(SetEnvCommand{k_shop, {{"1X", "a"}}, {}}, ErrorCode::invalid, "env");
    expect_refused(SetEnvCommand{k_shop, {}, {"COLOR"}}, ErrorCode::not_found, "COLOR");
    expect_refused(SetEnvCommand{k_shop, {}, {}}, ErrorCode::invalid, "NAME=VALUE");
    ASSERT_TRUE(r.command(SetSecretCommand{k_shop, "TOKEN", "sealed"}));
    expect_refused(SetEnvCommand{k_shop, {{"TOKEN", "a"}}, {}}, ErrorCode::exists, "secret");
}

TEST_F(Commands, env_takes_as_many_entries_as_allowed_and_no_more) {
    deploy();
    SetEnvCommand command{k_shop, {}, {}};
    for (std::size_t i = 0; i < k_env_entries_max; ++i) {
        command.set["V" + std::to_string(i)] = "x";
    }
    ASSERT_TRUE(decide(r.world, command, {}, r.now, 1).has_value());
    command.set["ONE_MORE"] = "x";
    expect_refused(command, ErrorCode::invalid, "env");
}

TEST_F(Commands, secret_is_copied_into_a_new_release) {
    deploy();
    ASSERT_TRUE(r.command(SetSecretCommand{k_shop, "TOKEN", "sealed"}));
    EXPECT_EQ(r.world.releases.at(k_shop).at(2).secrets.at("TOKEN"), "sealed");
    ASSERT_TRUE(r.command(SetSecretCommand{k_shop, "TOKEN", {}}));
    EXPECT_TRUE(r.world.releases.at(k_shop).at(3).secrets.empty());
    expect_refused(SetSecretCommand{k_shop, "TOKEN", {}}, ErrorCode::not_found, "TOKEN");
    expect_refused(SetSecretCommand{k_shop, "1X", "sealed"}, ErrorCode::invalid, "1X");
}

TEST_F(Commands, secret_over_a_plain_variable_is_refused) {
    deploy();
    ASSERT_TRUE(r.command(SetEnvCommand{k_shop, {{"TOKEN", "a"}}, {}}));
    expect_refused(SetSecretCommand{k_shop, "TOKEN", "sealed"}, ErrorCode::exists, "plain");
}

TEST_F(Commands, scale_has_bounds) {
    expect_refused(ScaleCommand{k_none, {{"web", 1}}}, ErrorCode::not_found,
                   "app none: there is none");
    deploy();
    ASSERT_TRUE(r.command(ScaleCommand{k_shop, {{"web", k_instances_per_process_max}}}));
    expect_refused(ScaleCommand{k_shop, {{"web", k_instances_per_process_max + 1}}},
                   ErrorCode::refused, "0 to 1000");
    expect_refused(ScaleCommand{k_shop, {{"web", -1}}}, ErrorCode::refused, "0 to 1000");
    expect_refused(ScaleCommand{k_shop, {{"wrk", 1}}}, ErrorCode::not_found, "it has web");
    expect_refused(ScaleCommand{k_shop, {}}, ErrorCode::invalid, "PROCESS=NUMBER");
}

TEST_F(Commands, scale_of_an_exclusive_volume_is_refused) {
    auto config = web_config(1);
    config.volumes.push_back({.name = "data", .path = "/data", .processes = {}});
    deploy(config);
    expect_refused(ScaleCommand{k_shop, {{"web", 2}}}, ErrorCode::refused, "shared");
}

TEST_F(Commands, route_of_another_app_is_refused_and_names_it) {
    deploy();
    ASSERT_TRUE(r.command(deploy_of("default/blog", web_config(1))));
    const RouteSpec route{.host = "www.example.org"};
    ASSERT_TRUE(r.command(AddRouteCommand{k_shop, route}));
    expect_refused(AddRouteCommand{k_shop, route}, ErrorCode::exists, "--replace sets it anew");
    expect_refused(AddRouteCommand{AppId("default/blog"), route}, ErrorCode::exists,
                   "default/shop");
    ASSERT_TRUE(r.command(RemoveRouteCommand{k_shop, "www.example.org", "/"}));
    ASSERT_TRUE(r.command(AddRouteCommand{AppId("default/blog"), route}));
    expect_refused(RemoveRouteCommand{k_shop, "www.example.org", "/"}, ErrorCode::not_found, "");
}

TEST_F(Commands, who_takes_the_own_host_of_another_app_is_told) {
    deploy();
    ASSERT_TRUE(r.command(deploy_of("default/blog", web_config(1))));
    ASSERT_GE(r.settle(), 0);
    const auto taken = r.command(AddRouteCommand{k_shop, {.host = "blog.localhost"}});
    ASSERT_TRUE(taken);
    EXPECT_THAT(taken->reply.text,
                HasSubstr("leads to default/shop; it led to default/blog before"));
    const auto own = r.command(AddRouteCommand{k_shop, {.host = "shop.localhost"}});
    ASSERT_TRUE(own);
    EXPECT_THAT(own->reply.text, testing::Not(HasSubstr("before")));
}

TEST_F(Commands, a_file_that_takes_the_own_host_of_another_app_says_so) {
    deploy();
    ASSERT_TRUE(r.command(deploy_of("default/blog", web_config(1))));
    ASSERT_GE(r.settle(), 0);
    auto config = web_config(1);
    config.routes = {{.host = "shop.localhost"}, {.host = "blog.localhost"}};
    const auto taken = r.command(deploy_of("default/shop", config));
    ASSERT_TRUE(taken);
    EXPECT_EQ(taken->reply.text,
              "release 2 of default/shop; blog.localhost/ led to default/blog before");
    EXPECT_THAT(taken->effects,
                Contains("lead blog.localhost/ to it, which leads to default/blog now"));
    EXPECT_TRUE(std::ranges::any_of(
        r.world.events, [](const auto& one) { return one.second.name == "route.taken"; }));
    ASSERT_GE(r.settle(), 0);
    const auto again = r.command(deploy_of("default/shop", config));
    ASSERT_TRUE(again);
    EXPECT_EQ(again->reply.text, "release 3 of default/shop");
}

TEST_F(Commands, a_route_is_replaced_as_a_whole) {
    auto config = web_config(1);
    config.routes = {{.host = "file.example.org"}};
    deploy(config);
    RouteSpec route{.host = "www.example.org", .cache = CacheSpec{}};
    ASSERT_TRUE(r.command(AddRouteCommand{k_shop, route}));
    route.cache.reset();
    route.hsts = days(1);
    ASSERT_TRUE(r.command(AddRouteCommand{k_shop, route, true}));
    EXPECT_THAT(r.world.apps.at(k_shop).routes, testing::ElementsAre(route));
    EXPECT_EQ(r.world.events.rbegin()->second.name, "route.replaced");
    // One that is not there is added, one of moln.toml is changed there alone.
    ASSERT_TRUE(r.command(AddRouteCommand{k_shop, {.host = "new.example.org"}, true}));
    EXPECT_EQ(r.world.events.rbegin()->second.name, "route.added");
    expect_refused(AddRouteCommand{k_shop, {.host = "file.example.org"}, true}, ErrorCode::exists,
                   "by its moln.toml");
    // On a port its own header of before does not hinder it.
    RouteSpec port{.host = "db.test", .listen = "tcp:5432"};
    ASSERT_TRUE(r.command(AddRouteCommand{k_shop, port}));
    port.accept_proxy = true;
    ASSERT_TRUE(r.command(AddRouteCommand{k_shop, port, true}));
}

TEST_F(Commands, route_that_is_none_is_refused) {
    deploy();
    expect_refused(AddRouteCommand{k_shop, {.host = "UPPER.org"}}, ErrorCode::invalid, "host");
    expect_refused(AddRouteCommand{k_shop, {.host = "a.org", .path = "x"}}, ErrorCode::invalid,
                   "path");
    expect_refused(AddRouteCommand{k_shop, {.host = "a.org", .process = "api"}},
                   ErrorCode::not_found, "api");
}

TEST_F(Commands, forward_auth_asks_who_speaks_http) {
    auto config = web_config(1);
    for (const auto* name : {"dns", "auth", "work"}) {
        config.processes[name] = {.command = {"x"}};
        if (name == std::string("work")) continue;
        config.processes[name].kind = ProcessKind::web;
        config.processes[name].port = 5353;
    }
    config.routes = {{.host = "*", .process = "dns", .listen = "udp:53"}};
    deploy(config);
    const auto asking = [](const std::string& process) {
        RouteSpec route{.host = "a.test"};
        route.forward_auth = {.process = process, .path = "/check"};
        return AddRouteCommand{k_shop, route, true};
    };
    expect_refused(asking("dns"), ErrorCode::invalid,
                   "route a.test/ of default/shop: forward_auth: process: expected a process that "
                   "is spoken HTTP to, found \"dns\", whose port is that of udp:53 alone");
    expect_refused(asking("work"), ErrorCode::invalid, "expected a web process");
    expect_refused(asking("gone"), ErrorCode::invalid, "expected a web process");
    ASSERT_TRUE(r.command(asking("auth")));
    // Whom a route asks is not made one that cannot be asked.
    expect_refused(AddRouteCommand{k_shop, {.host = "*", .process = "auth", .listen = "udp:54"}},
                   ErrorCode::invalid,
                   "route a.test/ of default/shop: forward_auth: process: expected");
    ASSERT_TRUE(r.command(AddRouteCommand{k_shop, {.host = "b.test", .process = "dns"}}));
    ASSERT_TRUE(r.command(asking("dns")));
}

TEST_F(Commands, a_release_that_loses_a_route_tells_so) {
    auto config = web_config(1);
    config.processes["api"] = config.processes["web"];
    deploy(config);
    ASSERT_TRUE(r.command(AddRouteCommand{k_shop, {.host = "a.test", .process = "api"}}));
    config.processes.erase("api");
    const auto done = r.command(deploy_of("default/shop", config));
    ASSERT_TRUE(done);
    EXPECT_THAT(done->effects,
                testing::Contains("the route a.test/ no longer leads to the app: the release has "
                                  "no web process api"));
    const auto told = [&] {
        return std::ranges::count_if(r.world.events, [](const auto& entry) {
            return entry.second.name == "route.lost" && entry.second.subject == "a.test/";
        });
    };
    EXPECT_EQ(told(), 1);
    EXPECT_EQ(r.world.apps.at(k_shop).routes.size(), 1U);  // for a release that has it again
    ASSERT_TRUE(r.command(RollbackCommand{k_shop, 1}));
    EXPECT_EQ(told(), 1);
}

TEST_F(Commands, a_port_belongs_to_one_app_and_not_to_the_edge) {
    deploy();
    const AppId blog("default/blog");
    ASSERT_TRUE(r.command(deploy_of(blog.text, web_config(1))));
    const RouteSpec route{.host = "*", .listen = "tcp:5432"};
    ASSERT_TRUE(r.command(AddRouteCommand{k_shop, route}));
    expect_refused(AddRouteCommand{k_shop, route}, ErrorCode::exists, "tcp:5432 already");
    expect_refused(AddRouteCommand{blog, route}, ErrorCode::exists,
                   "route tcp:5432 belongs to default/shop");
    // Another name of the same port is another place, another protocol another port.
    RouteSpec named{.host = "db.test", .listen = "tcp:5432"};
    ASSERT_TRUE(r.command(AddRouteCommand{blog, named}));
    ASSERT_TRUE(r.command(AddRouteCommand{blog, {.host = "*", .listen = "udp:5432"}}));
    named.host = "other.test";
    named.accept_proxy = true;
    expect_refused(AddRouteCommand{blog, named}, ErrorCode::exists, "accept_proxy");
    RouteSpec kept{.host = "*", .listen = "tcp:25"};
    kept.keep_source = true;
    ASSERT_TRUE(r.command(AddRouteCommand{blog, kept}));
    expect_refused(AddRouteCommand{blog, {.host = "db.test", .listen = "tcp:25"}},
                   ErrorCode::exists, "keep_source is for a port that one route has alone");
    r.world.edges[r.world.self].report.tls_listens = {"127.0.0.1:8443"};
    expect_refused(AddRouteCommand{blog, {.host = "*", .listen = "tcp:8443"}}, ErrorCode::exists,
                   "127.0.0.1:8443");
    ASSERT_TRUE(r.command(AddRouteCommand{blog, {.host = "*", .listen = "udp:8443"}}));
    expect_refused(RemoveRouteCommand{blog, "*", "/", "tcp:5432"}, ErrorCode::not_found,
                   "tcp:5432");
    ASSERT_TRUE(r.command(RemoveRouteCommand{k_shop, "*", "/", "tcp:5432"}));
    ASSERT_TRUE(r.command(AddRouteCommand{blog, route}));
}

TEST_F(Commands, a_deploy_takes_no_port_of_another_app) {
    deploy();
    ASSERT_TRUE(r.command(AddRouteCommand{k_shop, {.host = "*", .listen = "tcp:5432"}}));
    auto config = web_config(1);
    config.routes.push_back({.host = "*", .listen = "tcp:5432"});
    expect_refused(deploy_of("default/blog", config), ErrorCode::exists, "default/shop");
    config.routes.back().listen = "tcp:5433";
    ASSERT_TRUE(r.command(deploy_of("default/blog", config)));
}

TEST_F(Commands, ports_are_as_many_as_allowed_and_no_more) {
    std::size_t made = 0;
    for (int app = 0; made < k_listens_max; ++app) {
        auto config = web_config(1);
        for (std::size_t i = 0; i < k_routes_per_app_max && made < k_listens_max; ++i) {
            config.routes.push_back({.host = "*", .listen = fmt::format("tcp:{}", ++made)});
        }
        ASSERT_TRUE(r.command(deploy_of(fmt::format("default/app{}", app), config)));
    }
    deploy();
    expect_refused(AddRouteCommand{k_shop, {.host = "*", .listen = "udp:1"}}, ErrorCode::refused,
                   "1000");
    ASSERT_TRUE(r.command(AddRouteCommand{k_shop, {.host = "a.test", .listen = "tcp:1"}}));
}

TEST_F(Commands, routes_are_as_many_as_allowed_and_no_more) {
    deploy();
    for (std::size_t i = 0; i < k_routes_per_app_max; ++i) {
        ASSERT_TRUE(r.command(AddRouteCommand{k_shop, {.host = fmt::format("h{}.org", i)}}));
    }
    expect_refused(AddRouteCommand{k_shop, {.host = "more.org"}}, ErrorCode::refused, "256");
}

// ---- run, restart, stop, start --------------------------------------------------------------

TEST_F(Commands, what_needs_a_release_is_refused_without_one) {
    apply(r.world, PutApp{App{.id = k_shop, .rollout = {}}});
    expect_refused(RestartCommand{k_shop}, ErrorCode::refused, "deploy it first");
    expect_refused(RunCommand{k_shop, {"sh"}, false}, ErrorCode::refused, "deploy it first");
    expect_refused(ScaleCommand{k_shop, {{"web", 1}}}, ErrorCode::refused, "deploy it first");
    ASSERT_TRUE(r.command(SetEnvCommand{k_shop, {{"COLOR", "red"}}, {}}));
    EXPECT_EQ(shop().release, 0);
}

TEST_F(Commands, stop_and_start_refuse_what_is_so_already) {
    deploy();
    expect_refused(StartCommand{k_shop}, ErrorCode::refused, "not stopped");
    ASSERT_TRUE(r.command(StopCommand{k_shop}));
    expect_refused(StopCommand{k_shop}, ErrorCode::refused, "stopped already");
    expect_refused(RestartCommand{k_shop}, ErrorCode::refused, "moln start");
    ASSERT_GE(r.settle(), 0);
    EXPECT_TRUE(r.world.instances.empty());
    ASSERT_TRUE(r.command(StartCommand{k_shop}));
    ASSERT_GE(r.settle(), 0);
    EXPECT_EQ(r.world.instances.size(), 1u);
}

TEST_F(Commands, run_needs_a_command) {
    deploy();
    expect_refused(RunCommand{k_shop, {}, false}, ErrorCode::invalid, "expected a command");
    expect_refused(RunCommand{k_shop, {std::string(k_command_bytes_max, 'x')}, false},
                   ErrorCode::refused, "bytes");
    ASSERT_TRUE(r.command(RunCommand{k_shop, {std::string(k_command_bytes_max - 1, 'x')}, false}));
}

TEST_F(Commands, one_offs_are_as_many_as_allowed_and_no_more) {
    deploy();
    for (std::int64_t i = 0; i < k_one_offs_per_app_max; ++i) {
        ASSERT_TRUE(r.command(RunCommand{k_shop, {"sh"}, false}));
    }
    expect_refused(RunCommand{k_shop, {"sh"}, false}, ErrorCode::refused, "one-offs");
}

TEST_F(Commands, stopped_instance_is_replaced_first) {
    deploy();
    const auto id = r.world.instances.begin()->first;
    ASSERT_TRUE(r.command(StopInstanceCommand{id, false}));
    EXPECT_EQ(r.world.instances.at(id).goal, InstanceGoal::run);
    ASSERT_GE(r.settle(), 0);
    EXPECT_FALSE(r.world.instances.contains(id));
    EXPECT_EQ(r.world.instances.size(), 1u);
    expect_refused(StopInstanceCommand{id, false}, ErrorCode::not_found, id.text);
}

TEST_F(Commands, killed_instance_is_replaced_after) {
    deploy();
    const auto id = r.world.instances.begin()->first;
    ASSERT_TRUE(r.command(StopInstanceCommand{id, true}));
    EXPECT_EQ(r.world.instances.at(id).goal, InstanceGoal::kill);
    expect_refused(StopInstanceCommand{id, true}, ErrorCode::refused, "already");
    ASSERT_GE(r.settle(), 0);
    EXPECT_EQ(r.world.instances.size(), 1u);
}

// ---- data -----------------------------------------------------------------------------------

TEST_F(Commands, removed_app_comes_back_whole) {
    auto config = web_config(1);
    config.volumes.push_back({.name = "data", .path = "/data", .processes = {}});
    config.volumes.push_back(
        {.name = "own", .path = "/own", .lifetime = Lifetime::independent, .processes = {}});
    deploy(config);
    const auto volumes = r.world.volumes;
    const auto uid_base = shop().uid_base;
    ASSERT_TRUE(r.command(RemoveAppCommand{k_shop}));
    expect_refused(deploy_of("default/shop", config), ErrorCode::refused, "being removed");
    ASSERT_GE(r.settle(), 0);
    EXPECT_TRUE(r.world.apps.empty());
    EXPECT_TRUE(r.world.releases.empty());
    EXPECT_EQ(r.world.volumes.size(), 1u);

    ASSERT_TRUE(r.command(RecoverCommand{only_trash(TrashKind::app)}));
    ASSERT_GE(r.settle(), 0);
    EXPECT_EQ(shop().uid_base, uid_base);
    EXPECT_EQ(shop().rollout.state, RolloutState::settled);
    ASSERT_EQ(r.world.volumes.size(), 2u);
    for (const auto& [id, volume] : volumes) EXPECT_EQ(r.world.volumes.at(id), volume);
    EXPECT_EQ(only_trash(TrashKind::volume), TrashId());
}

TEST_F(Commands, app_cannot_come_back_over_another_of_its_name) {
    deploy();
    ASSERT_TRUE(r.command(RemoveAppCommand{k_shop}));
    ASSERT_GE(r.settle(), 0);
    const auto trash = only_trash(TrashKind::app);
    deploy();
    expect_refused(RecoverCommand{trash}, ErrorCode::exists, "default/shop");
}

TEST_F(Commands, independent_volume_is_found_again_by_name) {
    auto config = web_config(1);
    config.volumes.push_back(
        {.name = "own", .path = "/own", .lifetime = Lifetime::independent, .processes = {}});
    deploy(config);
    const auto id = r.world.volumes.begin()->first;
    ASSERT_TRUE(r.command(RemoveAppCommand{k_shop}));
    ASSERT_GE(r.settle(), 0);
    deploy(config);
    EXPECT_EQ(r.world.instances.begin()->second.volumes, std::vector<VolumeId>{id});
}

TEST_F(Commands, volume_in_use_is_not_removed) {
    auto config = web_config(1);
    config.volumes.push_back({.name = "data", .path = "/data", .processes = {}});
    deploy(config);
    const auto id = r.world.volumes.begin()->first;
    expect_refused(RemoveVolumeCommand{id}, ErrorCode::refused, "mounted by release 1");
    expect_refused(RemoveVolumeCommand{VolumeId("vol-none")}, ErrorCode::not_found, "vol-none");
    ASSERT_TRUE(r.command(StopCommand{k_shop}));
    expect_refused(RemoveVolumeCommand{id}, ErrorCode::refused, "in the hands of");
    ASSERT_GE(r.settle(), 0);
    ASSERT_TRUE(r.command(RemoveVolumeCommand{id}));
    ASSERT_GE(r.settle(), 0);
    const auto trash = only_trash(TrashKind::volume);
    ASSERT_TRUE(r.command(RecoverCommand{trash}));
    expect_refused(RecoverCommand{trash}, ErrorCode::refused, "on its way back");
    expect_refused(PurgeCommand{trash}, ErrorCode::refused, "on its way back");
    expect_refused(RemoveVolumeCommand{id}, ErrorCode::conflict, "coming back");
    ASSERT_GE(r.settle(), 0);
    EXPECT_TRUE(r.world.volumes.at(id).restored_from.empty());
    EXPECT_FALSE(r.world.trash.contains(trash));
}

TEST_F(Commands, volume_does_not_come_back_over_one_of_its_name) {
    auto config = web_config(1);
    config.volumes.push_back({.name = "data", .path = "/data", .processes = {}});
    deploy(config);
    ASSERT_TRUE(r.command(StopCommand{k_shop}));
    ASSERT_GE(r.settle(), 0);
    ASSERT_TRUE(r.command(RemoveVolumeCommand{r.world.volumes.begin()->first}));
    expect_refused(RecoverCommand{only_trash(TrashKind::volume)}, ErrorCode::conflict, "moment");
    ASSERT_TRUE(r.command(StartCommand{k_shop}));
    ASSERT_GE(r.settle(), 0);
    expect_refused(RecoverCommand{only_trash(TrashKind::volume)}, ErrorCode::exists, "data");
}

TEST_F(Commands, writable_layer_is_copied_out_not_recovered) {
    TrashItem item{.id = TrashId("tr-1"), .app = k_shop, .what = "x", .content = {}};
    item.settled = true;
    item.expires = r.now.steady + days(7);
    apply(r.world, PutTrash{item});
    expect_refused(RecoverCommand{item.id}, ErrorCode::refused, "--to DIR");
    expect_refused(RecoverCommand{TrashId("tr-none")}, ErrorCode::not_found, "tr-none");
    ASSERT_TRUE(r.command(PurgeCommand{item.id}));
    expect_refused(PurgeCommand{item.id}, ErrorCode::refused, "destroyed");
}

TEST_F(Commands, what_a_destroyed_app_leaves_is_not_told_as_old) {
    auto command = deploy_of("default/shop", web_config(1));
    command.image.layers = {"base", "layer-1"};
    ASSERT_TRUE(r.command(command));
    ASSERT_GE(r.settle(), 0);
    ASSERT_TRUE(r.command(RemoveAppCommand{k_shop}));
    ASSERT_GE(r.settle(), 0);
    ASSERT_TRUE(r.command(PurgeCommand{only_trash(TrashKind::app)}));
    ASSERT_GE(r.settle(), 0);
    std::vector<std::string> told;
    for (const auto& [number, event] : r.world.events) {
        if (event.name == "trash.purged") told.push_back(event.text);
    }
    EXPECT_THAT(told, testing::ElementsAre(
                          "app default/shop with its releases is destroyed by command",
                          "image data of default/shop is destroyed: nothing needs it any more"));
}

TEST_F(Commands, releases_past_the_kept_ones_go_to_the_trash_and_come_back) {
    for (std::size_t i = 0; i <= k_releases_kept; ++i) {
        auto command = deploy_of("default/shop", web_config(1));
        command.image.layers = {"base", "layer-" + std::to_string(i)};
        ASSERT_TRUE(r.command(command));
        ASSERT_GE(r.settle(), 0);
    }
    EXPECT_EQ(r.world.releases.at(k_shop).size(), k_releases_kept);
    const auto trash = only_trash(TrashKind::image);
    ASSERT_TRUE(r.world.trash.contains(trash));
    EXPECT_EQ(json::serialize(r.world.trash.at(trash).content.as_object().at("layers")),
              "[\"layer-0\"]");
    ASSERT_TRUE(r.command(RecoverCommand{trash}));
    ASSERT_GE(r.settle(), 0);
    EXPECT_FALSE(r.world.trash.contains(trash));
    EXPECT_EQ(r.world.releases.at(k_shop).rbegin()->second.image.layers.back(), "layer-0");
}

}  // namespace
}  // namespace moln::plan
