#include "edge/metrics_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "edge/histogram.h"

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

TEST(MetricsText, unknown_health_is_absent) {
    auto report = sample();
    report.endpoints[0].health = EndpointHealth::unknown;
    EXPECT_THAT(metrics_text(report, {}), testing::Not(HasSubstr("moln_instance_healthy{")));
}

}  // namespace
}  // namespace moln::edge
