#include "edge/metrics_text.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "edge/histogram.h"
#include "edge/limits.h"

namespace moln::edge {
namespace {

using testing::HasSubstr;

EdgeReport sample() {
    EdgeReport report;
    report.acked_version = 7;
    EndpointReport endpoint;
    endpoint.instance = InstanceId("web-\"1\"");
    endpoint.health = EndpointHealth::healthy;
    endpoint.requests_open = 2;
    endpoint.tunnels_open = 1;
    endpoint.requests_total = 40;
    report.endpoints = {endpoint};
    EdgeAppReport app;
    app.app = AppId("default/shop");
    app.process = "web";
    app.held = 3;
    app.latency_counts.assign(k_latency_buckets, 2);
    report.apps = {app};
    return report;
}

TEST(MetricsText, labels_are_escaped_and_values_are_there) {
    const auto text = metrics_text(sample(), {.clients_open = 5});
    EXPECT_THAT(text, HasSubstr("moln_edge_snapshot_version 7\n"));
    EXPECT_THAT(text, HasSubstr("moln_edge_clients_open 5\n"));
    EXPECT_THAT(text, HasSubstr("moln_instance_tunnels_open{instance=\"web-\\\"1\\\"\"} 1\n"));
    EXPECT_THAT(text,
                HasSubstr("moln_app_requests_held{app=\"default/shop\",process=\"web\"} 3\n"));
}

TEST(MetricsText, buckets_are_cumulative_and_end_at_infinity) {
    const auto text = metrics_text(sample(), {});
    EXPECT_THAT(text, HasSubstr("process=\"web\",le=\"0.00025\"} 2\n"));
    EXPECT_THAT(text, HasSubstr("process=\"web\",le=\"0.0005\"} 4\n"));
    EXPECT_THAT(text, HasSubstr("process=\"web\",le=\"+Inf\"} 34\n"));
}

TEST(MetricsText, routes_have_series_and_the_rest_is_one) {
    EdgeRouteReport route;
    route.host = "shop.example";
    route.path = "/a\"b";
    route.requests_total = 5;
    route.bytes_out_total = 100;
    route.latency_counts.assign(k_latency_buckets, 1);
    EdgeRouteReport others;
    others.requests_total = 9;
    const auto text = metrics_text(sample(), {}, {.mirrors = {}, .routes = {route, others}});
    EXPECT_THAT(text, HasSubstr("moln_route_requests_total{host=\"shop.example\",path=\"/a\\\"b\"}"
                                " 5\n"));
    EXPECT_THAT(text, HasSubstr("moln_route_requests_total{host=\"other\",path=\"\"} 9\n"));
    EXPECT_THAT(text, HasSubstr("le=\"+Inf\"} 17\n"));
}

TEST(MetricsText, so_many_apps_have_series_that_a_line_takes) {
    EdgeReport report;
    EdgeAppReport app;
    app.app = AppId(std::string(80, 'a'));
    app.process = std::string(40, 'p');
    app.latency_counts.assign(k_latency_buckets, 1'000'000'000);
    report.apps.assign(k_metrics_apps_max, app);
    EndpointReport endpoint;
    endpoint.instance = InstanceId(std::string(50, 'i'));
    endpoint.health = EndpointHealth::healthy;
    report.endpoints.assign(k_metrics_instances_max, endpoint);
    auto text = metrics_text(report, {});
    EXPECT_THAT(text, HasSubstr("moln_edge_series_left_out 0\n"));
    EXPECT_LT(json::serialize(json::value(json::string(text))).size(), k_snapshot_bytes_max);
    const auto lines = std::ranges::count(text, '\n');
    report.apps.push_back(app);
    text = metrics_text(report, {});
    EXPECT_THAT(text, HasSubstr("moln_edge_series_left_out 1\n"));
    EXPECT_EQ(std::ranges::count(text, '\n'), lines);
}

TEST(MetricsText, unknown_health_is_absent) {
    auto report = sample();
    report.endpoints[0].health = EndpointHealth::unknown;
    EXPECT_THAT(metrics_text(report, {}), testing::Not(HasSubstr("moln_instance_healthy{")));
}

}  // namespace
}  // namespace moln::edge
