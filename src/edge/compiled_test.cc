#include "edge/compiled.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "edge/limits.h"
#include "model/limits.h"
#include "model/traffic_limits.h"

namespace moln::edge {
namespace {

EdgeApp app_named(const std::string& app, const std::string& process) {
    EdgeApp out;
    out.app = AppId(app);
    out.process = process;
    return out;
}

EdgeSnapshot shop() {
    EdgeSnapshot snapshot;
    snapshot.routes = {{"*", "/", AppId("default/shop"), "web"},
                       {"shop.example.org", "/api", AppId("default/shop"), "api"}};
    snapshot.apps = {app_named("default/shop", "api"), app_named("default/shop", "web")};
    snapshot.apps[1].endpoints = {
        {InstanceId("web-1"), "10.0.0.1", 3000, EndpointState::active, 1}};
    return snapshot;
}

TEST(Compile, routes_lead_to_their_app) {
    const auto compiled = compile(shop());
    ASSERT_TRUE(compiled) << compiled.error().reason;
    const auto process = [&](const char* host, const char* path) {
        const auto& routes = *compiled->routes;
        return compiled->apps.at(routes.targets.at(*routes.table.find(host, path)).app)
            ->spec.process;
    };
    EXPECT_EQ(process("any.example", "/"), "web");
    EXPECT_EQ(process("shop.example.org", "/api/x"), "api");
}

TEST(Compile, what_a_route_says_of_tls_goes_with_it) {
    auto snapshot = shop();
    snapshot.routes[0].redirect = true;
    snapshot.routes[0].hsts = seconds(3600);
    snapshot.routes[1].hsts = seconds(1'000'000'000);
    const auto compiled = compile(snapshot);
    ASSERT_TRUE(compiled) << compiled.error().reason;
    EXPECT_TRUE(compiled->routes->targets[0].redirect);
    EXPECT_EQ(compiled->routes->targets[0].hsts_s, 3600u);
    EXPECT_FALSE(compiled->routes->targets[1].redirect);
    EXPECT_EQ(compiled->routes->targets[1].hsts_s, k_hsts_s_max);
}

TEST(Compile, authorities_that_many_routes_name_are_kept_once) {
    const std::string one = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n";
    auto snapshot = shop();
    snapshot.routes[0].client_cert = ClientCertSpec{.ca = one};
    snapshot.routes[1].client_cert = ClientCertSpec{.ca = one, .need = ClientCertNeed::optional};
    snapshot.routes.push_back({"z.example.org", "/", AppId("default/shop"), "web"});
    snapshot.routes[2].client_cert = ClientCertSpec{.ca = one + one};
    const auto compiled = compile(snapshot);
    ASSERT_TRUE(compiled) << compiled.error().reason;
    EXPECT_EQ(compiled->routes->authorities, (std::vector<std::string>{one, one + one}));
    EXPECT_EQ(compiled->routes->targets[0].client_cert->authorities, 0u);
    EXPECT_EQ(compiled->routes->targets[1].client_cert->need, ClientCertNeed::optional);
    EXPECT_EQ(compiled->routes->targets[2].client_cert->authorities, 1u);
    EXPECT_EQ(compiled->routes->asking[2].first, "z.example.org");
    snapshot.routes[1].client_cert->ca = "ca.pem";
    EXPECT_NE(compile(snapshot).error().reason.find("route shop.example.org/api: client_cert"),
              std::string::npos);
}

TEST(Compile, an_app_is_probed_under_a_host_it_answers_for) {
    const auto compiled = compile(shop());
    EXPECT_EQ(compiled->apps.at(0)->probe_host, "shop.example.org");
    EXPECT_EQ(compiled->apps.at(1)->probe_host, "");
}

TEST(Compile, a_route_to_nowhere_is_refused_by_name) {
    auto snapshot = shop();
    snapshot.routes[0].process = "worker";
    const auto compiled = compile(snapshot);
    ASSERT_FALSE(compiled);
    EXPECT_NE(compiled.error().reason.find("worker"), std::string::npos);
}

TEST(Compile, a_route_knows_who_is_asked_first_and_that_nobody_is_there_to_ask) {
    auto snapshot = shop();
    snapshot.routes[0].forward_auth = {.process = "api", .path = "/check", .copy = {"X-User"}};
    snapshot.routes[1].forward_auth = {.process = "gone", .path = "/check"};
    const auto compiled = compile(snapshot);
    ASSERT_TRUE(compiled) << compiled.error().reason;
    const auto& asked = *compiled->routes->targets[0].forward_auth;
    EXPECT_EQ(compiled->apps.at(asked.app.value())->spec.process, "api");
    EXPECT_EQ(asked.copy, std::vector<std::string>{"X-User"});
    EXPECT_EQ(asked.not_asked,
              (std::vector<std::string>{"X-User", "X-Forwarded-Method", "X-Forwarded-Uri"}));
    ASSERT_TRUE(compiled->routes->targets[1].forward_auth);
    EXPECT_FALSE(compiled->routes->targets[1].forward_auth->app);
    snapshot.routes[0].forward_auth->copy = {"Content-Length"};
    EXPECT_FALSE(compile(snapshot));
}

TEST(Compile, a_replay_at_its_limit_is_taken_and_one_past_it_is_not) {
    for (const auto& [bytes, good] : {std::pair{std::int64_t{0}, true},
                                      {k_replay_max.count, true},
                                      {k_replay_max.count + 1, false},
                                      {std::int64_t{-1}, false}}) {
        auto snapshot = shop();
        snapshot.apps[1].replay = {bytes};
        EXPECT_EQ(compile(snapshot).has_value(), good) << bytes;
    }
}

TEST(Compile, an_answer_timeout_at_its_limit_is_taken_and_one_past_it_is_not) {
    for (const auto& [limit_ms, good] : {std::pair{std::int64_t{1}, true},
                                         {k_answer_timeout_max.count, true},
                                         {k_answer_timeout_max.count + 1, false},
                                         {std::int64_t{0}, false}}) {
        auto snapshot = shop();
        snapshot.apps[1].answer_timeout = {limit_ms};
        EXPECT_EQ(compile(snapshot).has_value(), good) << limit_ms;
    }
}

TEST(Compile, who_passes_maintenance_is_known_by_app) {
    auto snapshot = shop();
    snapshot.apps[1].maintenance = MaintenanceSpec{.allow = {"10.0.0.0/8"}};
    const auto compiled = compile(snapshot);
    ASSERT_TRUE(compiled) << compiled.error().reason;
    EXPECT_TRUE(compiled->apps[0]->allowed.empty());
    EXPECT_EQ(compiled->apps[1]->allowed, std::vector{*parse_network("10.0.0.0/8")});
}

TEST(Compile, bad_endpoints_are_refused) {
    for (const char* address :
         {"", "localhost", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "::1", "1.2.3.4 "}) {
        auto snapshot = shop();
        snapshot.apps[1].endpoints[0].address = address;
        EXPECT_FALSE(compile(snapshot)) << address;
    }
    auto no_port = shop();
    no_port.apps[1].endpoints[0].port = 0;
    EXPECT_FALSE(compile(no_port));
    auto twice = shop();
    twice.apps[1].endpoints.push_back(twice.apps[1].endpoints[0]);
    EXPECT_FALSE(compile(twice));
}

TEST(Compile, bad_health_and_hold_are_refused) {
    auto path = shop();
    path.apps[0].health.kind = HealthKind::http;
    path.apps[0].health.path = "no slash";
    EXPECT_FALSE(compile(path));
    auto timeout = shop();
    timeout.apps[0].health.timeout = Milliseconds{0};
    EXPECT_FALSE(compile(timeout));
    auto hold = shop();
    hold.apps[0].hold_requests_max = -1;
    EXPECT_FALSE(compile(hold));
    auto doubled = shop();
    doubled.apps.push_back(doubled.apps[0]);
    EXPECT_FALSE(compile(doubled));
}

TEST(Compile, apps_at_the_limit_pass_and_one_past_it_is_refused) {
    EdgeSnapshot snapshot;
    for (std::size_t i = 0; i < k_snapshot_apps_max; ++i) {
        snapshot.apps.push_back(app_named(std::to_string(i), "web"));
    }
    EXPECT_TRUE(compile(snapshot));
    snapshot.apps.push_back(app_named("one more", "web"));
    EXPECT_FALSE(compile(snapshot));
}

TEST(CompareStamps, a_higher_epoch_always_wins) {
    EXPECT_EQ(compare({.epoch = 1, .version = 9}, {.epoch = 2, .version = 1}), StampOrder::newer);
    EXPECT_EQ(compare({.epoch = 2, .version = 1}, {.epoch = 1, .version = 9}), StampOrder::older);
    EXPECT_EQ(compare({.epoch = 2, .version = 1}, {.epoch = 2, .version = 2}), StampOrder::newer);
    EXPECT_EQ(compare({.epoch = 2, .version = 2}, {.epoch = 2, .version = 2}), StampOrder::same);
}

TEST(CompareStamps, are_a_total_order) {
    EXPECT_TRUE(rc::check("antisymmetric", [](int e1, int v1, int e2, int v2) {
        const SnapshotStamp a{e1, v1};
        const SnapshotStamp b{e2, v2};
        RC_ASSERT((compare(a, b) == StampOrder::newer) == (compare(b, a) == StampOrder::older));
    }));
}

EdgeSnapshot with_streams(std::vector<EdgeStream> streams) {
    auto snapshot = shop();
    snapshot.streams = std::move(streams);
    return snapshot;
}

EdgeStream stream(const std::string& listen, const std::string& host = "*") {
    return {.listen = listen, .host = host, .app = AppId("default/shop"), .process = "web"};
}

TEST(Compile, streams_lead_to_their_app_by_port_and_name) {
    auto named = stream("tcp:8443", "db.example.org");
    named.process = "api";
    named.port = 5432;
    const auto compiled =
        compile(with_streams({stream("udp:53"), named, stream("tcp:8443"), stream("tcp:25")}));
    ASSERT_TRUE(compiled) << compiled.error().reason;
    ASSERT_EQ(compiled->streams->size(), 3U);
    EXPECT_EQ(compiled->find(Listen{Protocol::tcp, 80}), nullptr);
    const auto* plain = compiled->find(Listen{Protocol::tcp, 25});
    ASSERT_NE(plain, nullptr);
    EXPECT_FALSE(plain->by_name);
    EXPECT_EQ(plain->find("")->app, 1U);
    const auto* listen = compiled->find(Listen{Protocol::tcp, 8443});
    ASSERT_NE(listen, nullptr);
    EXPECT_TRUE(listen->by_name);
    EXPECT_EQ(listen->find("db.example.org")->port, 5432);
    EXPECT_EQ(listen->find("db.example.org")->app, 0U);
    EXPECT_EQ(listen->find("other.example.org")->app, 1U);
    EXPECT_EQ(listen->find("")->app, 1U);
}

TEST(Compile, a_stream_that_is_none_is_refused) {
    auto nowhere = stream("tcp:25");
    nowhere.process = "mail";
    auto proxied = stream("tcp:25", "a.test");
    proxied.accept_proxy = true;
    auto negative = stream("tcp:25");
    negative.idle = Milliseconds{-1};
    for (const auto& streams :
         std::vector<std::vector<EdgeStream>>{{stream("tcp")},
                                              {stream("tcp:0")},
                                              {stream("udp:53", "a.test")},
                                              {stream("tcp:25"), stream("tcp:25")},
                                              {stream("tcp:25", "not a host")},
                                              {nowhere},
                                              {negative},
                                              {stream("tcp:25"), proxied}}) {
        const auto compiled = compile(with_streams(streams));
        ASSERT_FALSE(compiled);
        EXPECT_EQ(compiled.error().code, ErrorCode::invalid);
        EXPECT_NE(compiled.error().reason.find("stream"), std::string::npos);
    }
}

TEST(Compile, streams_listen_on_so_many_ports) {
    std::vector<EdgeStream> streams;
    for (std::size_t i = 1; i <= k_listens_max; ++i) {
        streams.push_back(stream("tcp:" + std::to_string(i)));
    }
    EXPECT_TRUE(compile(with_streams(streams)));
    streams.push_back(stream("udp:1"));
    const auto past = compile(with_streams(streams));
    ASSERT_FALSE(past);
    EXPECT_EQ(past.error().code, ErrorCode::refused);
}

}  // namespace
}  // namespace moln::edge
