#include "model/edge_process.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace moln {
namespace {

EndpointReport endpoint(std::int64_t requests, std::int64_t tunnels, Milliseconds oldest) {
    EndpointReport report;
    report.requests_open = requests;
    report.tunnels_open = tunnels;
    report.oldest_open = oldest;
    return report;
}

TEST(EdgeProcess, a_view_adds_up_what_is_open_at_all_instances) {
    EdgeReport report;
    report.pid = 12;
    report.leaving = true;
    report.acked_epoch = 3;
    report.acked_version = 7;
    report.listens = {"127.0.0.1:8080"};
    report.streams = {{.listen = "udp:53", .addresses = {}, .problem = "it is taken"}};
    report.endpoints = {endpoint(2, 0, seconds(5)), endpoint(1, 2, minutes(14))};
    report.apps.resize(2);
    report.apps[1].held = 4;
    report.cache.size = mib(3);
    const auto view = process_view(report, EdgeProcessCounts{9, 1});
    EXPECT_EQ(view.pid, 12);
    EXPECT_EQ(view.state, EdgeProcessState::leaving);
    EXPECT_EQ(view.version_acked, 7);
    EXPECT_EQ(view.epoch_acked, 3);
    EXPECT_EQ(view.listens, report.listens);
    EXPECT_EQ(view.streams, report.streams);
    EXPECT_EQ(view.requests_open, 3);
    EXPECT_EQ(view.requests_held, 4);
    EXPECT_EQ(view.tunnels_open, 2);
    EXPECT_EQ(view.oldest_open, minutes(14));
    EXPECT_EQ(view.connections_open, 9);
    EXPECT_EQ(view.log_lines_dropped_total, 1);
    EXPECT_EQ(view.cache_size, mib(3));
    EXPECT_EQ(open_words(view, "websocket"), "3 requests, 4 waiting, 2 websockets, oldest 14 min");
}

TEST(EdgeProcess, one_of_an_earlier_version_does_not_tell_its_counts) {
    const auto view = process_view({}, std::nullopt);
    EXPECT_EQ(view.state, EdgeProcessState::serving);
    EXPECT_FALSE(view.connections_open);
    EXPECT_FALSE(view.log_lines_dropped_total);
    EXPECT_EQ(open_words(view, "websocket"), "");
}

TEST(EdgeProcess, words_name_what_is_open_and_nothing_else) {
    EdgeProcessView view;
    view.tunnels_open = 1;
    EXPECT_EQ(open_words(view, "connection"), "1 connection, oldest 0 s");
    view = {};
    view.requests_held = 2;
    EXPECT_EQ(open_words(view, "connection"), "2 waiting");
}

RC_GTEST_PROP(EdgeProcess, nothing_that_is_open_is_lost_in_the_sum, ()) {
    EdgeReport report;
    std::int64_t open = 0;
    const auto counts = *rc::gen::container<std::vector<std::pair<int, int>>>(
        rc::gen::pair(rc::gen::inRange(0, 1000), rc::gen::inRange(0, 1000)));
    for (const auto& [requests, tunnels] : counts) {
        report.endpoints.push_back(endpoint(requests, tunnels, seconds(requests + tunnels)));
        open += requests + tunnels;
    }
    const auto view = process_view(report, std::nullopt);
    RC_ASSERT(view.requests_open + view.tunnels_open == open);
    RC_ASSERT(open_words(view, "websocket").empty() == (open == 0));
}

}  // namespace
}  // namespace moln
