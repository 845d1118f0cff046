#include "runtime/edge_reports.h"

#include <gtest/gtest.h>

namespace moln {
namespace {

using Kind = EdgeNews::Kind;

EdgeReport serving(std::int64_t pid, std::int64_t version) {
    EdgeReport report;
    report.pid = pid;
    report.acked_epoch = 1;
    report.acked_version = version;
    return report;
}

EdgeReport leaving(std::int64_t pid, std::int64_t version) {
    auto report = serving(pid, version);
    report.leaving = true;
    return report;
}

EndpointReport endpoint(const char* instance, std::int64_t requests, std::int64_t tunnels) {
    EndpointReport one;
    one.instance = InstanceId(instance);
    one.requests_open = requests;
    one.tunnels_open = tunnels;
    one.oldest_open = {requests * 10};
    return one;
}

void report(EdgeReports& reports, std::int64_t process, const EdgeReport& what) {
    reports.take({process, Kind::reported, &what});
}

TEST(EdgeReports, of_one_process_is_what_it_reports) {
    EdgeReports reports;
    EXPECT_FALSE(reports.sum());
    reports.take({1, Kind::began});
    EXPECT_FALSE(reports.sum());
    auto one = serving(10, 7);
    one.endpoints = {endpoint("web-1", 2, 1)};
    report(reports, 1, one);
    EXPECT_EQ(reports.sum(), one);
    reports.take({1, Kind::lost});
    EXPECT_FALSE(reports.sum());
}

TEST(EdgeReports, nothing_is_acknowledged_until_a_new_process_is_heard) {
    EdgeReports reports;
    report(reports, 1, serving(10, 7));
    reports.take({2, Kind::began});
    EXPECT_EQ(reports.sum()->acked_version, -1);
    EXPECT_EQ(reports.sum()->pid, 10);
    report(reports, 2, serving(20, 6));
    EXPECT_EQ(reports.sum()->acked_version, 6);
    EXPECT_EQ(reports.sum()->pid, 20);
    report(reports, 2, serving(20, 8));
    EXPECT_EQ(reports.sum()->acked_version, 7) << "the older one has not";
    reports.take({2, Kind::lost});
    EXPECT_EQ(reports.sum()->acked_version, -1);
    reports.take({2, Kind::ended});
    EXPECT_EQ(reports.sum()->acked_version, 7) << "it will send no request any more";
}

TEST(EdgeReports, an_epoch_weighs_more_than_a_version) {
    EdgeReports reports;
    report(reports, 1, leaving(10, 9));
    auto newer = serving(20, 3);
    newer.acked_epoch = 2;
    report(reports, 2, newer);
    EXPECT_EQ(reports.sum()->acked_epoch, 1);
    EXPECT_EQ(reports.sum()->acked_version, 9);
}

TEST(EdgeReports, what_is_open_in_any_is_open) {
    EdgeReports reports;
    auto old = leaving(10, 7);
    old.endpoints = {endpoint("web-1", 3, 1), endpoint("web-3", 0, 2)};
    old.endpoints[0].health = EndpointHealth::unhealthy;
    auto fresh = serving(20, 7);
    fresh.endpoints = {endpoint("web-1", 2, 0), endpoint("web-2", 5, 0)};
    fresh.endpoints[1].health = EndpointHealth::healthy;
    report(reports, 1, old);
    report(reports, 2, fresh);
    const auto sum = reports.sum();
    ASSERT_EQ(sum->endpoints.size(), 3U);
    EXPECT_EQ(sum->endpoints[0].requests_open, 5);
    EXPECT_EQ(sum->endpoints[0].tunnels_open, 1);
    EXPECT_EQ(sum->endpoints[0].oldest_open, Milliseconds{30});
    EXPECT_EQ(sum->endpoints[0].health, EndpointHealth::unhealthy) << "until the new one knows";
    EXPECT_EQ(sum->endpoints[1].health, EndpointHealth::healthy);
    EXPECT_EQ(sum->endpoints[2].tunnels_open, 2);
    ASSERT_EQ(sum->leaving_processes.size(), 1U);
    EXPECT_EQ(sum->leaving_processes[0].pid, 10);
    EXPECT_EQ(sum->leaving_processes[0].requests_open, 3);
    EXPECT_EQ(sum->leaving_processes[0].tunnels_open, 3);
    reports.take({1, Kind::ended});
    EXPECT_EQ(reports.sum(), fresh);
}

TEST(EdgeReports, counts_of_apps_are_added) {
    EdgeReports reports;
    for (const std::int64_t process : {1, 2}) {
        auto one = serving(process, 7);
        one.apps.resize(1);
        one.apps[0].held = process;
        one.apps[0].latency_counts = {1, 2, 3};
        report(reports, process, one);
    }
    const auto sum = reports.sum();
    ASSERT_EQ(sum->apps.size(), 1U);
    EXPECT_EQ(sum->apps[0].held, 3);
    EXPECT_EQ(sum->apps[0].latency_counts, (std::vector<std::int64_t>{2, 4, 6}));
}

// It may have acknowledged what the one that takes its place, when that is started, does not know.
TEST(EdgeReports, one_that_leaves_acknowledges_nothing_alone) {
    EdgeReports reports;
    report(reports, 1, leaving(10, 9));
    report(reports, 2, serving(20, 7));
    reports.take({2, Kind::ended});
    EXPECT_EQ(reports.sum()->acked_version, -1);
    EXPECT_TRUE(reports.sum()->leaving);
}

TEST(EdgeReports, the_newest_that_takes_requests_speaks_for_all) {
    EdgeReports reports;
    report(reports, 2, serving(20, 7));
    report(reports, 3, leaving(30, 7));
    EXPECT_EQ(reports.sum()->pid, 20);
    report(reports, 4, serving(40, 7));
    EXPECT_EQ(reports.sum()->pid, 40);
}

TEST(EdgeReports, the_kernel_acknowledges_and_counts_but_is_no_edge) {
    EdgeReports reports;
    reports.take({k_kernel_process, Kind::began});
    EXPECT_FALSE(reports.sum());
    auto one = serving(10, 7);
    one.endpoints = {endpoint("web-1", 0, 1)};
    report(reports, 1, one);
    EXPECT_EQ(reports.sum()->acked_version, -1) << "it may send to anybody";
    auto kernel = serving(0, 6);
    kernel.endpoints = {endpoint("web-1", 0, 2)};
    report(reports, k_kernel_process, kernel);
    EXPECT_EQ(reports.sum()->acked_version, 6);
    EXPECT_EQ(reports.sum()->pid, 10);
    EXPECT_EQ(reports.sum()->endpoints.front().tunnels_open, 3);
    EXPECT_TRUE(reports.sum()->leaving_processes.empty());
    reports.take({1, Kind::lost});
    EXPECT_FALSE(reports.sum());
}

}  // namespace
}  // namespace moln
