// Each operation of the API once through the real server: the answer, and what reached the Control.
#include <gmock/gmock.h>

#include "model/limits.h"
#include "model/views.h"
#include "tests/api/api_fixture.h"

namespace moln {
namespace {

class Resources : public ApiTest {
protected:
    void SetUp() override {
        ApiTest::SetUp();
        on_loop([this] {
            control_->add_app("shop");
            control_->add_app("blog");
        });
    }

    template <typename T>
    T get(const std::string& target) {
        const auto answer = call("GET", target);
        EXPECT_EQ(answer.status, 200) << answer.body;
        auto value = from_json<T>(answer.json());
        EXPECT_TRUE(value) << value.error().reason;
        return value.value_or(T{});
    }

    template <typename C>
    C last_command() {
        return on_loop([this] {
            EXPECT_FALSE(control_->commands.empty());
            const auto* found = std::get_if<C>(&control_->commands.back());
            EXPECT_NE(found, nullptr);
            return found == nullptr ? C{} : *found;
        });
    }
};

TEST_F(Resources, status_counts_what_runs) {
    const auto status = get<StatusView>("/v1/status");
    EXPECT_EQ(status.node, "alpha");
    EXPECT_EQ(status.version, "0.1.0");
    EXPECT_EQ(status.counts.apps, 2);
    EXPECT_EQ(status.counts.instances_wanted, 2);
    EXPECT_EQ(status.counts.instances_ready, 2);
    EXPECT_THAT(status.edge.listens, testing::ElementsAre("127.0.0.1:8080"));
    EXPECT_TRUE(status.warnings.empty());
}

TEST_F(Resources, apps_are_listed_by_project) {
    EXPECT_EQ(get<Items<AppView>>("/v1/apps").items.size(), 2u);
    EXPECT_EQ(get<Items<AppView>>("/v1/apps?project=other").items.size(), 0u);
}

TEST_F(Resources, an_app_tells_its_state_and_url) {
    const auto app = get<AppView>("/v1/apps/shop");
    EXPECT_EQ(app.state, AppState::running);
    EXPECT_THAT(app.urls, testing::ElementsAre("http://shop.localhost:8080/"));
    ASSERT_EQ(app.processes.size(), 1u);
    EXPECT_EQ(app.processes[0].ready, 1);
}

TEST_F(Resources, an_unknown_app_is_not_found_by_name) {
    for (const auto* target : {"/v1/apps/none", "/v1/apps/none/releases", "/v1/apps/none/env",
                               "/v1/apps/none/secrets", "/v1/apps/none/logs"}) {
        const auto answer = call("GET", target);
        EXPECT_EQ(answer.status, 404) << target;
        EXPECT_EQ(answer.error_code(), "not_found");
        EXPECT_THAT(answer.reason(), testing::HasSubstr("app none"));
    }
    EXPECT_EQ(call("POST", "/v1/apps/none/restart").status, 404);
    EXPECT_EQ(call("PUT", "/v1/apps/none/secrets/KEY", "x").status, 404);
}

TEST_F(Resources, removing_an_app_can_be_planned_first) {
    const auto plan = call("DELETE", "/v1/apps/shop?dry_run=1");
    EXPECT_THAT(plan.body, testing::HasSubstr("something would happen to default/shop"));
    EXPECT_TRUE(on_loop([this] { return control_->state.apps.contains(AppId("default/shop")); }));
    EXPECT_EQ(call("DELETE", "/v1/apps/shop").status, 200);
    EXPECT_EQ(call("GET", "/v1/apps/shop").status, 404);
}

TEST_F(Resources, scale_reaches_the_control) {
    const auto answer = call("PUT", "/v1/apps/shop/scale", R"({"instances":{"web":3}})");
    EXPECT_EQ(answer.status, 200) << answer.body;
    EXPECT_EQ(last_command<ScaleCommand>().instances.at("web"), 3);
    const auto app = get<AppView>("/v1/apps/shop");
    EXPECT_EQ(app.processes[0].wanted, 3);
    EXPECT_EQ(app.state, AppState::degraded);
}

TEST_F(Resources, verbs_of_an_app_become_commands) {
    EXPECT_EQ(call("POST", "/v1/apps/shop/restart").status, 200);
    EXPECT_EQ(last_command<RestartCommand>().app.text, "default/shop");
    EXPECT_EQ(call("POST", "/v1/apps/shop/stop").status, 200);
    last_command<StopCommand>();
    EXPECT_EQ(call("POST", "/v1/apps/shop/start").status, 200);
    last_command<StartCommand>();
    EXPECT_EQ(call("POST", "/v1/apps/shop/rollback", R"({"release":1})").status, 200);
    EXPECT_EQ(last_command<RollbackCommand>().release, 1);
    EXPECT_EQ(call("POST", "/v1/apps/shop/rollback").status, 200);
    EXPECT_EQ(last_command<RollbackCommand>().release, 0);
}

TEST_F(Resources, releases_are_told_newest_first) {
    on_loop([this] {
        auto& all = control_->state.releases[AppId("default/shop")];
        all[2] = all[1];
        all[2].number = 2;
        all[2].secrets["KEY"] = "sealed-1";
    });
    const auto releases = get<Items<ReleaseView>>("/v1/apps/shop/releases").items;
    ASSERT_EQ(releases.size(), 2u);
    EXPECT_EQ(releases[0].number, 2);
    EXPECT_EQ(releases[0].state, ReleaseState::kept);
    EXPECT_EQ(releases[1].state, ReleaseState::serving);
    const auto one = call("GET", "/v1/apps/shop/releases/2");
    EXPECT_THAT(one.body, testing::HasSubstr("KEY"));
    EXPECT_THAT(one.body, testing::Not(testing::HasSubstr("sealed")));
    EXPECT_EQ(call("GET", "/v1/apps/shop/releases/9").status, 404);
    EXPECT_EQ(call("GET", "/v1/apps/shop/releases/2x").status, 404);
}

TEST_F(Resources, env_is_listed_set_and_unset) {
    on_loop([this] {
        const AppId id("default/shop");
        control_->state.releases[id][1].config.env = {{"A", "file"}, {"B", "both"}};
        control_->state.apps[id].env = {{"B", "both"}};
    });
    const auto env = get<Items<EnvView>>("/v1/apps/shop/env").items;
    EXPECT_THAT(env, testing::ElementsAre(EnvView{"A", "file", EnvOrigin::release},
                                          EnvView{"B", "both", EnvOrigin::set}));
    EXPECT_EQ(call("PATCH", "/v1/apps/shop/env", R"({"set":{"C":"1"},"unset":["B"]})").status, 200);
    const auto command = last_command<SetEnvCommand>();
    EXPECT_EQ(command.set.at("C"), "1");
    EXPECT_THAT(command.unset, testing::ElementsAre("B"));
}

TEST_F(Resources, a_secret_is_sealed_and_never_told) {
    const auto answer = call("PUT", "/v1/apps/shop/secrets/API_KEY", "hunter2hunter2");
    EXPECT_EQ(answer.status, 200) << answer.body;
    EXPECT_THAT(answer.body, testing::Not(testing::HasSubstr("hunter2")));
    EXPECT_EQ(last_command<SetSecretCommand>().sealed, "sealed-14");
    const auto listed = call("GET", "/v1/apps/shop/secrets");
    EXPECT_THAT(listed.body, testing::HasSubstr("API_KEY"));
    EXPECT_THAT(listed.body, testing::Not(testing::HasSubstr("sealed")));
    EXPECT_EQ(call("DELETE", "/v1/apps/shop/secrets/API_KEY").status, 200);
    EXPECT_EQ(last_command<SetSecretCommand>().sealed, std::nullopt);
}

TEST_F(Resources, a_secret_may_be_as_large_as_its_limit_and_no_larger) {
    const std::string largest(k_secret_bytes_max, 'x');
    EXPECT_EQ(call("PUT", "/v1/apps/shop/secrets/KEY", largest).status, 200);
    const auto larger = call("PUT", "/v1/apps/shop/secrets/KEY", largest + "x");
    EXPECT_EQ(larger.status, 413);
    EXPECT_EQ(larger.error_code(), "invalid");
}

TEST_F(Resources, routes_are_listed_added_and_removed) {
    const auto routes = get<Items<RouteView>>("/v1/routes?app=shop").items;
    ASSERT_EQ(routes.size(), 1u);
    EXPECT_EQ(routes[0].origin, RouteOrigin::release);
    EXPECT_EQ(call("POST", "/v1/apps/shop/routes", R"({"host":"a.example","path":"/x"})").status,
              200);
    EXPECT_EQ(last_command<AddRouteCommand>().route, (RouteSpec{"a.example", "/x", "web"}));
    EXPECT_EQ(call("DELETE", "/v1/apps/shop/routes?host=a.example&path=%2Fx").status, 200);
    EXPECT_EQ(last_command<RemoveRouteCommand>().path, "/x");
}

TEST_F(Resources, a_port_is_added_shown_and_removed) {
    EXPECT_EQ(call("POST", "/v1/apps/shop/routes",
                   R"({"listen":"tcp:5432","port":7,"accept_proxy":true,"send_proxy":"v2",)"
                   R"("idle":60000})")
                  .status,
              200);
    const auto route = last_command<AddRouteCommand>().route;
    EXPECT_EQ(route, (RouteSpec{.host = "*",
                                .listen = "tcp:5432",
                                .port = 7,
                                .accept_proxy = true,
                                .send_proxy = SendProxy::v2,
                                .idle = minutes(1)}));
    for (const auto* bad :
         {R"({"listen":"5432"})", R"({"host":"a.test","port":7})",
          R"({"listen":"udp:53","host":"a.test"})", R"({"listen":"tcp:53","path":"/x"})"}) {
        EXPECT_EQ(call("POST", "/v1/apps/shop/routes", bad).status, 400) << bad;
    }
    EXPECT_EQ(call("DELETE", "/v1/apps/shop/routes?listen=tcp%3A5432").status, 200);
    EXPECT_EQ(last_command<RemoveRouteCommand>().listen, "tcp:5432");
    EXPECT_EQ(last_command<RemoveRouteCommand>().host, "*");
    on_loop([this, &route] {
        auto& world = control_->state;
        world.apps.at(AppId("default/shop")).routes = {route};
        auto& edge = world.edges[world.self];
        edge.connected = true;
        edge.report.streams = {{"tcp:5432", {"0.0.0.0:5432"}, ""}};
    });
    auto view = get<Items<RouteView>>("/v1/routes?app=shop").items.at(1);
    EXPECT_EQ(view.listen, "tcp:5432");
    EXPECT_EQ(view.url, "tcp://127.0.0.1:5432");
    on_loop([this] {
        auto& world = control_->state;
        world.edges[world.self].report.streams = {{"tcp:5432", {}, "the port is taken"}};
    });
    view = get<Items<RouteView>>("/v1/routes?app=shop").items.at(1);
    EXPECT_EQ(view.url, "");
    EXPECT_EQ(view.problem, "the port is taken");
}

TEST_F(Resources, a_route_says_what_becomes_of_plain_http) {
    EXPECT_EQ(call("POST", "/v1/apps/shop/routes",
                   R"({"host":"a.example","https":"both","hsts":86400000})")
                  .status,
              200);
    const auto route = last_command<AddRouteCommand>().route;
    EXPECT_EQ(route.https, Https::both);
    EXPECT_EQ(route.hsts, days(1));
    EXPECT_EQ(
        call("POST", "/v1/apps/shop/routes", R"({"host":"a.example","https":"never"})").status,
        400);
    EXPECT_EQ(call("POST", "/v1/apps/shop/routes", R"({"host":"a.example","hsts":5})").status, 400);
    on_loop([this] {
        auto& world = control_->state;
        world.edges[world.self].report.tls_listens = {"0.0.0.0:443"};
        world.edge.routes = {{.host = "shop.localhost",
                              .path = "/",
                              .app = AppId("default/shop"),
                              .process = "web",
                              .redirect = true}};
        world.edge.certificates = {{CertificateId("cert-1"), {"shop.localhost"}, "", ""}};
    });
    const auto view = get<Items<RouteView>>("/v1/routes?app=shop").items.at(0);
    EXPECT_TRUE(view.redirect);
    EXPECT_EQ(view.url, "https://shop.localhost/");
    EXPECT_EQ(view.certificate.text, "cert-1");
}

TEST_F(Resources, a_public_host_without_a_certificate_is_listed_with_what_hinders_it) {
    on_loop([this] {
        for (const auto* host : {"*", "*.example.org", "shop.example.org", "shop.localhost"}) {
            control_->state.edge.routes.push_back({.host = host, .app = AppId("default/shop")});
        }
    });
    const auto list = [&] { return get<Items<CertificateView>>("/v1/certificates").items; };
    auto items = list();
    ASSERT_EQ(items.size(), 2u);
    EXPECT_EQ(items[0].hosts.front(), "*.example.org");
    EXPECT_THAT(items[0].trouble, testing::HasSubstr("moln cert add"));
    EXPECT_EQ(items[1].state, CertificateState::missing);
    EXPECT_THAT(items[1].trouble, testing::HasSubstr("--agree-tos"));
    on_loop([this] {
        control_->state.acme =
            AcmeAccount{.directory = acme_directory("letsencrypt"), .registered = true};
    });
    EXPECT_EQ(list()[1].state, CertificateState::ordered);
    on_loop([this] {
        control_->state.orders["shop.example.org"] = {.host = "shop.example.org",
                                                      .id = CertificateId("cert-x"),
                                                      .attempts = 2,
                                                      .reason = "dns: no such name"};
    });
    items = list();
    EXPECT_EQ(items[1].state, CertificateState::failing);
    EXPECT_EQ(items[1].id.text, "cert-x");
    for (const std::string name : {"cert-x", "shop.example.org"}) {
        EXPECT_EQ(get<CertificateView>("/v1/certificates/" + name).trouble, "dns: no such name");
    }
    EXPECT_EQ(get<AcmeView>("/v1/acme").waiting, 1);
    EXPECT_THAT(get<StatusView>("/v1/status").warnings,
                testing::ElementsAre(testing::HasSubstr("dns: no such name; tried 2 times")));
}

constexpr const char* k_bundle = "certificate shop.example.org *.shop.example.org\nkey hunter2\n";

TEST_F(Resources, a_certificate_is_added_shown_and_removed) {
    const auto added = call("POST", "/v1/certificates", k_bundle);
    EXPECT_EQ(added.status, 200) << added.body;
    EXPECT_EQ(added.json().at("reply").at("certificate").as_string(), "cert-1");
    EXPECT_EQ(last_command<AddCertificateCommand>().certificate.sealed_key,
              "sealed 7 bytes for cert-1");
    on_loop([this] {
        auto& edge = control_->state.edge;
        edge.routes = {{.host = "*", .path = "/"},
                       {.host = "a.shop.example.org", .path = "/api"},
                       {.host = "blog.test", .path = "/"}};
        edge.certificates = {
            {CertificateId("cert-1"), {"*.shop.example.org", "shop.example.org"}, "", ""}};
    });
    const auto listed = get<Items<CertificateView>>("/v1/certificates").items;
    ASSERT_EQ(listed.size(), 1u);
    EXPECT_THAT(listed[0].hosts, testing::ElementsAre("*.shop.example.org", "shop.example.org"));
    EXPECT_THAT(listed[0].used_by, testing::ElementsAre("*/", "a.shop.example.org/api"));
    EXPECT_EQ(listed[0].chain, std::nullopt);
    EXPECT_GT(listed[0].expires_in, days(89));
    EXPECT_THAT(get<CertificateView>("/v1/certificates/cert-1").chain.value_or(""),
                testing::HasSubstr("chain of"));
    // By a host, too: that it serves, also by a wildcard; not by one that it does not.
    for (const auto* host : {"shop.example.org", "b.shop.example.org", "*.shop.example.org"}) {
        const auto view = get<CertificateView>(std::string("/v1/certificates/") + host);
        EXPECT_EQ(view.id.text, "cert-1") << host;
        EXPECT_TRUE(view.chain) << host;
    }
    on_loop([this] { control_->state.edge.certificates.clear(); });  // no route needs it
    EXPECT_EQ(get<CertificateView>("/v1/certificates/shop.example.org").id.text, "cert-1");
    EXPECT_EQ(call("GET", "/v1/certificates/example.org").status, 404);
    EXPECT_EQ(call("DELETE", "/v1/certificates/cert-1").status, 200);
    EXPECT_EQ(last_command<RemoveCertificateCommand>().certificate.text, "cert-1");
    EXPECT_EQ(call("GET", "/v1/certificates/cert-1").status, 404);
    EXPECT_EQ(call("DELETE", "/v1/certificates/cert-1").status, 404);
}

TEST_F(Resources, a_private_key_is_in_no_answer) {
    const auto added = call("POST", "/v1/certificates", k_bundle);
    for (const auto* path : {"/v1/certificates", "/v1/certificates/cert-1", "/v1/status",
                             "/v1/routes", "/v1/events", "/v1/apps", "/v1/metrics"}) {
        const auto answer = call("GET", path);
        EXPECT_EQ(answer.status, 200) << path;
        EXPECT_THAT(answer.body, testing::Not(testing::HasSubstr("hunter2"))) << path;
        EXPECT_THAT(answer.body, testing::Not(testing::HasSubstr("sealed"))) << path;
    }
    EXPECT_THAT(added.body, testing::Not(testing::HasSubstr("hunter2")));
    const auto refused = call("POST", "/v1/certificates", "key hunter2\n");
    EXPECT_EQ(refused.status, 400);
    EXPECT_THAT(refused.body, testing::Not(testing::HasSubstr("hunter2")));
}

TEST_F(Resources, a_certificate_that_is_none_is_refused_with_the_reason) {
    EXPECT_EQ(call("POST", "/v1/certificates", "").status, 400);
    const auto keyless = call("POST", "/v1/certificates", "certificate a.example.org\n");
    EXPECT_EQ(keyless.status, 400);
    EXPECT_THAT(keyless.body, testing::HasSubstr("no private key"));
    const std::string bundle = k_bundle;
    const std::string filler(k_certificate_bytes_max - bundle.size(), '\n');
    EXPECT_EQ(call("POST", "/v1/certificates", bundle + filler).status, 200);
    EXPECT_EQ(call("POST", "/v1/certificates", bundle + filler + "\n").status, 413);
}

TEST_F(Resources, the_authority_is_shown_without_its_key) {
    EXPECT_EQ(call("GET", "/v1/authority").status, 404);
    on_loop([this] {
        control_->state.authority = Authority{.certificate = "the root",
                                              .sealed_key = "sealed",
                                              .not_before = {},
                                              .not_after = {},
                                              .fingerprint = "f00d"};
    });
    const auto answer = call("GET", "/v1/authority");
    EXPECT_THAT(answer.body, testing::Not(testing::HasSubstr("sealed")));
    EXPECT_EQ(get<AuthorityView>("/v1/authority").certificate, "the root");
}

TEST_F(Resources, status_warns_of_certificates_that_end_soon) {
    on_loop([this] {
        auto& world = control_->state;
        const auto now = control_->now().wall;
        const auto add = [&](const std::string& id, CertificateSource source, Milliseconds left) {
            world.certificates[CertificateId(id)] = {.id = CertificateId(id),
                                                     .hosts = {id + ".test"},
                                                     .source = source,
                                                     .chain = "",
                                                     .sealed_key = "",
                                                     .not_before = {},
                                                     .not_after = now + left};
        };
        add("soon", CertificateSource::file, days(13));
        add("over", CertificateSource::file, Milliseconds{-1000});
        add("later", CertificateSource::file, days(15));
        add("replaced", CertificateSource::file, days(1));
        world.certificates[CertificateId("replaced")].hosts = {"later.test"};
        world.certificates[CertificateId("later")].created = now;
        add("unused", CertificateSource::local, days(1));
        add("stuck", CertificateSource::local, days(1));
        world.edge.routes = {{.host = "new.test", .path = "/"},
                             {.host = "stuck.test", .path = "/"}};
        world.edge.certificates = {{CertificateId("stuck"), {"stuck.test"}, "", ""}};
        world.issuing["new.test"] = {.failures = 2, .retry = {}, .reason = "no entropy"};
        world.issuing["gone.test"] = {.failures = 2, .retry = {}, .reason = "no entropy"};
    });
    EXPECT_THAT(get<StatusView>("/v1/status").warnings,
                testing::UnorderedElementsAre(
                    testing::HasSubstr("soon.test: ends in 1"), testing::HasSubstr("has ended"),
                    testing::HasSubstr("stuck.test: ends in"), testing::HasSubstr("new.test")));
}

TEST_F(Resources, instances_tell_what_still_drains) {
    on_loop([this] {
        const InstanceId id("web-shop");
        control_->state.instances[id].goal = InstanceGoal::drain;
        auto& endpoint = control_->state.edges[control_->state.self].endpoints[id];
        endpoint.requests_open = 3;
        endpoint.tunnels_open = 2;
        endpoint.oldest_open = minutes(14);
    });
    const auto all = get<Items<InstanceView>>("/v1/instances?app=shop").items;
    ASSERT_EQ(all.size(), 1u);
    EXPECT_EQ(all[0].state, InstanceState::draining);
    EXPECT_EQ(all[0].text, "draining: 3 requests, 2 websockets, oldest 14 min");
    EXPECT_EQ(get<InstanceView>("/v1/instances/web-shop").text, all[0].text);
    EXPECT_EQ(call("GET", "/v1/instances/web-none").status, 404);
}

TEST_F(Resources, an_instance_is_stopped) {
    EXPECT_EQ(call("POST", "/v1/instances/web-shop/stop", R"({"now":true})").status, 200);
    const auto command = last_command<StopInstanceCommand>();
    EXPECT_EQ(command.instance.text, "web-shop");
    EXPECT_TRUE(command.now);
}

TEST_F(Resources, a_one_off_is_started) {
    const auto answer =
        call("POST", "/v1/apps/shop/runs", R"({"command":["ls","-l"],"terminal":true})");
    EXPECT_EQ(answer.json().at("reply").at("instance").as_string(), "run-abc");
    EXPECT_THAT(last_command<RunCommand>().command, testing::ElementsAre("ls", "-l"));
    EXPECT_EQ(call("POST", "/v1/apps/shop/runs", R"({"command":[]})").status, 400);
}

TEST_F(Resources, volumes_say_how_long_they_live) {
    on_loop([this] {
        Volume volume{.id = VolumeId("vol-1"), .app = AppId("default/shop"), .name = "data"};
        volume.node = control_->state.self;
        volume.size = gib(1);
        control_->state.volumes[volume.id] = volume;
        control_->state.nodes[control_->state.self].volumes_used[volume.id] = mib(5);
    });
    const auto volumes = get<Items<VolumeView>>("/v1/volumes").items;
    ASSERT_EQ(volumes.size(), 1u);
    EXPECT_EQ(volumes[0].used, mib(5));
    EXPECT_EQ(volumes[0].copies, 1);
    EXPECT_EQ(volumes[0].restore_point, std::nullopt);
    EXPECT_EQ(get<VolumeView>("/v1/volumes/vol-1"), volumes[0]);
    EXPECT_EQ(call("GET", "/v1/volumes/vol-2").status, 404);
    EXPECT_EQ(call("DELETE", "/v1/volumes/vol-1").status, 200);
    EXPECT_EQ(last_command<RemoveVolumeCommand>().volume.text, "vol-1");
}

TEST_F(Resources, trash_is_listed_recovered_extracted_and_purged) {
    on_loop([this] {
        TrashItem item{.id = TrashId("tr-1"), .app = AppId("default/shop"), .what = "a layer"};
        control_->state.trash[item.id] = item;
    });
    EXPECT_EQ(get<Items<TrashView>>("/v1/trash").items.at(0).what, "a layer");
    EXPECT_EQ(call("POST", "/v1/trash/tr-1/recover").status, 200);
    EXPECT_EQ(last_command<RecoverCommand>().trash.text, "tr-1");
    EXPECT_EQ(call("POST", "/v1/trash/tr-1/extract", R"({"target":"/tmp/x"})").status, 200);
    EXPECT_EQ(call("POST", "/v1/trash/tr-2/extract", R"({"target":"/tmp/x"})").status, 404);
    EXPECT_EQ(call("POST", "/v1/trash/tr-1/extract", R"({"target":"x"})").status, 400);
    EXPECT_EQ(call("DELETE", "/v1/trash/tr-1").status, 200);
    EXPECT_EQ(last_command<PurgeCommand>().trash.text, "tr-1");
}

TEST_F(Resources, platforms_are_listed_and_made) {
    EXPECT_EQ(get<Items<PlatformView>>("/v1/platforms").items.at(0).name, "host");
    const auto made = call("POST", "/v1/platforms", R"({"recipe":"debian"})").lines();
    ASSERT_EQ(made.size(), 2u);
    EXPECT_EQ(made[0].at("line").as_string(), "making it");
    EXPECT_EQ(made[1].at("result").at("name").as_string(), "debian-12");
    EXPECT_EQ(call("POST", "/v1/platforms", R"({"recipe":"arch"})").status, 404);
}

TEST_F(Resources, metrics_are_the_edges_and_the_daemons) {
    const auto answer = call("GET", "/v1/metrics");
    EXPECT_THAT(answer.headers.at("content-type"), testing::HasSubstr("version=0.0.4"));
    EXPECT_THAT(answer.body, testing::HasSubstr("edge_requests_total 5\n"));
    EXPECT_THAT(answer.body, testing::HasSubstr("\nmoln_apps 2\n"));
}

TEST_F(Resources, shutdown_is_passed_on_after_the_answer) {
    EXPECT_EQ(call("POST", "/v1/shutdown", R"({"now":true})").status, 200);
    EXPECT_TRUE(becomes([this] { return control_->shut_down_now == true; }));
}

TEST_F(Resources, top_tells_rates_since_the_sample_before) {
    const auto lines = call("GET", "/v1/top?interval_ms=200&count=2").lines();
    ASSERT_EQ(lines.size(), 2u);
    const auto view = from_json<TopView>(lines[0]);
    ASSERT_TRUE(view) << view.error().reason;
    EXPECT_EQ(view->instances.size(), 2u);
    EXPECT_GE(view->interval.count, 200);
}

}  // namespace
}  // namespace moln
