#include "model/route.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moln {
namespace {

using ::testing::HasSubstr;

RouteSpec tcp(const std::string& listen, const std::string& host = "*") {
    return {.host = host, .listen = listen};
}

std::string first_problem(const RouteSpec& route) {
    const auto status = validate(route);
    return status ? "" : status.error().reason;
}

TEST(Route, words_name_its_place) {
    EXPECT_EQ(route_words({.host = "shop.test", .path = "/api"}), "shop.test/api");
    EXPECT_EQ(route_words(tcp("tcp:5432")), "tcp:5432");
    EXPECT_EQ(route_words(tcp("tcp:8443", "db.test")), "tcp:8443 for db.test");
}

TEST(Route, of_the_same_place_is_who_answers_the_same) {
    EXPECT_TRUE(same_place(tcp("tcp:5432"), tcp("tcp:5432")));
    EXPECT_FALSE(same_place(tcp("tcp:5432"), tcp("udp:5432")));
    EXPECT_FALSE(same_place(tcp("tcp:5432"), tcp("tcp:5432", "db.test")));
    EXPECT_FALSE(same_place(tcp("tcp:5432"), {.host = "*"}));
}

TEST(Route, a_stream_has_what_streams_have) {
    auto route = tcp("tcp:5432", "db.test");
    route.port = 1234;
    route.accept_proxy = true;
    route.send_proxy = SendProxy::v2;
    route.idle = minutes(10);
    EXPECT_EQ(first_problem(route), "");
    EXPECT_EQ(first_problem(tcp("udp:53")), "");
}

TEST(Route, a_stream_has_nothing_of_http) {
    auto route = tcp("tcp:5432");
    route.path = "/api";
    EXPECT_THAT(first_problem(route), HasSubstr("path: expected none"));
    route = tcp("tcp:5432");
    route.https = Https::both;
    EXPECT_THAT(first_problem(route), HasSubstr("https: expected none"));
    route = tcp("tcp:5432");
    route.hsts = days(1);
    EXPECT_THAT(first_problem(route), HasSubstr("hsts: expected none"));
    EXPECT_THAT(first_problem(tcp("5432")), HasSubstr("listen: expected tcp:PORT"));
}

TEST(Route, http_has_nothing_of_streams) {
    RouteSpec route{.host = "shop.test", .port = 80};
    EXPECT_THAT(first_problem(route), HasSubstr("port: expected none"));
    route = {.host = "shop.test", .accept_proxy = true};
    EXPECT_THAT(first_problem(route), HasSubstr("accept_proxy: expected none"));
    route = {.host = "shop.test", .send_proxy = SendProxy::v1};
    EXPECT_THAT(first_problem(route), HasSubstr("send_proxy: expected none"));
    route = {.host = "shop.test", .idle = minutes(1)};
    EXPECT_THAT(first_problem(route), HasSubstr("idle: expected none"));
}

TEST(Route, a_kept_source_is_of_ports_of_which_nothing_is_read) {
    auto route = tcp("tcp:5432");
    route.keep_source = true;
    EXPECT_EQ(first_problem(route), "");
    route.idle = minutes(1);
    EXPECT_THAT(first_problem(route), HasSubstr("keep_source: expected none beside `idle`"));
    route = tcp("udp:53");
    route.keep_source = true;
    route.idle = minutes(1);
    EXPECT_EQ(first_problem(route), "");
    route = tcp("tcp:5432", "db.test");
    route.keep_source = true;
    EXPECT_THAT(first_problem(route), HasSubstr("keep_source: expected none beside `host`"));
    route = tcp("tcp:5432");
    route.keep_source = route.accept_proxy = true;
    EXPECT_THAT(first_problem(route), HasSubstr("beside `accept_proxy`"));
    route.accept_proxy = false;
    route.send_proxy = SendProxy::v1;
    EXPECT_THAT(first_problem(route), HasSubstr("beside `send_proxy`"));
    EXPECT_THAT(first_problem({.host = "shop.test", .keep_source = true}),
                HasSubstr("keep_source: expected none"));
}

TEST(Route, udp_has_no_names_and_no_headers) {
    EXPECT_THAT(first_problem(tcp("udp:53", "a.test")), HasSubstr("host: expected none"));
    auto route = tcp("udp:53");
    route.accept_proxy = true;
    EXPECT_THAT(first_problem(route), HasSubstr("accept_proxy: expected none"));
    route = tcp("udp:53");
    route.send_proxy = SendProxy::v2;
    EXPECT_THAT(first_problem(route), HasSubstr("send_proxy: expected none"));
}

TEST(Route, the_idle_time_has_limits) {
    auto route = tcp("tcp:5432");
    for (const auto good : {Milliseconds{0}, k_stream_idle_min, k_stream_idle_max}) {
        route.idle = good;
        EXPECT_EQ(first_problem(route), "");
    }
    for (const auto bad : {Milliseconds{-1}, k_stream_idle_min - Milliseconds{1},
                           k_stream_idle_max + Milliseconds{1}}) {
        route.idle = bad;
        EXPECT_THAT(first_problem(route), HasSubstr("idle: expected 1s to"));
    }
}

AppConfig config_of(std::vector<RouteSpec> routes) {
    AppConfig config;
    config.health.kind = HealthKind::http;
    for (const auto* name : {"db", "web"}) config.processes[name].kind = ProcessKind::web;
    config.routes = std::move(routes);
    return config;
}

TEST(Route, who_speaks_no_http_is_not_probed_by_it) {
    auto stream = tcp("tcp:5432");
    stream.process = "db";
    auto datagrams = tcp("udp:53");
    datagrams.process = "db";
    auto requests = RouteSpec{.host = "db.test", .process = "db"};
    const auto kind = [](std::vector<RouteSpec> own, const std::vector<RouteSpec>& added,
                         const std::string& process) {
        return probe_of(config_of(std::move(own)), added, process).kind;
    };
    EXPECT_EQ(kind({}, {}, "db"), HealthKind::http);
    EXPECT_EQ(kind({stream}, {}, "db"), HealthKind::tcp);
    EXPECT_EQ(kind({}, {stream}, "db"), HealthKind::tcp);
    EXPECT_EQ(kind({datagrams}, {}, "db"), HealthKind::running);
    EXPECT_EQ(kind({datagrams}, {stream}, "db"), HealthKind::tcp);
    EXPECT_EQ(kind({stream}, {requests}, "db"), HealthKind::http);
    stream.process = "web";
    EXPECT_EQ(kind({stream}, {}, "web"), HealthKind::http);
}

TEST(Route, who_speaks_no_http_is_not_asked_by_it) {
    auto datagrams = tcp("udp:53");
    datagrams.process = "db";
    const auto why = [](std::vector<RouteSpec> own, const std::vector<RouteSpec>& added,
                        const std::string& process) {
        auto config = config_of(std::move(own));
        config.processes["db"].port = 53;
        config.processes["work"].kind = ProcessKind::worker;
        return not_asked_why(config, added, process);
    };
    EXPECT_EQ(why({}, {}, "db"), "");
    EXPECT_EQ(why({}, {}, "gone"), "expected a web process of this app, found \"gone\"");
    EXPECT_EQ(why({}, {}, "work"), "expected a web process of this app, found \"work\"");
    EXPECT_THAT(why({datagrams}, {}, "db"),
                HasSubstr("found \"db\", whose port is that of udp:53 alone: name another"));
    EXPECT_THAT(why({}, {datagrams}, "db"), HasSubstr("udp:53 alone"));
    EXPECT_EQ(why({datagrams}, {{.host = "db.test", .process = "db"}}, "db"), "");
    datagrams.port = 53;
    EXPECT_THAT(why({datagrams}, {}, "db"), HasSubstr("udp:53 alone"));
    datagrams.port = 5353;  // so that its own is left for HTTP
    EXPECT_EQ(why({datagrams}, {}, "db"), "");
}

TEST(Route, what_is_in_its_way_is_told) {
    auto config = config_of({});
    RouteSpec route{.host = "a.test"};
    EXPECT_EQ(route_problem(config, {}, route), "");
    route.forward_auth = {.process = "db", .path = "/check"};
    EXPECT_EQ(route_problem(config, {}, route), "");
    config.processes.erase("db");
    EXPECT_THAT(route_problem(config, {}, route), HasSubstr("forward_auth: process: expected"));
    route.process = "api";
    EXPECT_EQ(route_problem(config, {}, route), "the release has no web process api");
}

TEST(Route, leads_to_a_web_process_or_to_the_site_that_took_its_place) {
    AppConfig config;
    config.site = SiteSpec{.folder = "public"};
    EXPECT_EQ(served_process(config, "web"), "site");
    EXPECT_EQ(served_process(config, "site"), "site");
    EXPECT_EQ(served_process(config, "api"), "");
    config.processes["web"].kind = ProcessKind::web;
    config.processes["work"].kind = ProcessKind::worker;
    EXPECT_EQ(served_process(config, "web"), "web");
    EXPECT_EQ(served_process(config, "site"), "site");
    EXPECT_EQ(served_process(config, "work"), "");
    EXPECT_TRUE(leads_somewhere(config, {.host = "a.test", .process = "site"}));
    auto stream = tcp("tcp:80");
    EXPECT_TRUE(leads_somewhere(config, stream));
    stream.process = "site";
    EXPECT_FALSE(leads_somewhere(config, stream));
    config.site.reset();
    EXPECT_FALSE(leads_somewhere(config, {.host = "a.test", .process = "site"}));
    // Of an app without a site it is a name like any other.
    config.processes["site"].kind = ProcessKind::web;
    EXPECT_TRUE(leads_somewhere(config, stream));
}

}  // namespace
}  // namespace moln
