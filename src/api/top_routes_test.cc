#include "api/top_routes.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace moln::api {
namespace {

EdgeRouteReport counted(const std::string& host, std::int64_t requests) {
    EdgeRouteReport report;
    report.host = host;
    report.path = host.empty() ? "" : "/";
    report.requests_total = requests;
    report.latency_counts = {0, requests};
    return report;
}

std::vector<EdgeRoute> routes(const std::vector<std::string>& hosts) {
    std::vector<EdgeRoute> all;
    for (const auto& host : hosts) {
        auto& one = all.emplace_back();
        one.host = host;
        one.app = AppId("default/" + host);
    }
    return all;
}

const TopRoutesWish k_all{
    .filter = {.project = "default", .app = {}}, .limit = 10, .interval = seconds(2)};

TEST(TopRoutes, rates_are_of_what_grew_and_the_busiest_come_first) {
    auto busy = counted("b", 30);
    busy.errors_total = 2;
    busy.bytes_in_total = 100;
    busy.bytes_out_total = 4'000;
    busy.cache_hits_total = 5;
    busy.cache_misses_total = 15;
    busy.cache_passes_total = 80;
    const auto view =
        top_routes_view(routes({"a", "b", "c"}), {{7, {counted("a", 10), counted("b", 10)}}},
                        {{7, {counted("a", 14), busy, counted("c", 0)}}}, k_all);
    ASSERT_EQ(view.routes.size(), 3u);
    EXPECT_EQ(view.routes[0], (TopRouteView{.app = AppId("default/b"),
                                            .host = "b",
                                            .path = "/",
                                            .requests_per_s = 10,
                                            .errors_per_s = 1,
                                            .p50_us = 500,
                                            .p90_us = 500,
                                            .p99_us = 500,
                                            .cache_hit_percent = 25,
                                            .bytes_in_per_s = 50,
                                            .bytes_out_per_s = 2'000}));
    EXPECT_EQ(view.routes[1].host, "a");
    EXPECT_EQ(view.routes[1].requests_per_s, 2);
    EXPECT_EQ(view.routes[1].cache_hit_percent, std::nullopt);
    EXPECT_EQ(view.routes[2].p50_us, std::nullopt);
    EXPECT_EQ(view.left_out, 0);
}

TEST(TopRoutes, an_upgrade_neither_loses_nor_repeats_a_request) {
    // The old process goes on a little, the new one begins at nothing.
    const auto during =
        top_routes_view(routes({"a"}), {{7, {counted("a", 1'000)}}},
                        {{7, {counted("a", 1'004)}}, {8, {counted("a", 6)}}}, k_all);
    EXPECT_EQ(during.routes.at(0).requests_per_s, 5);
    // It has ended.
    const auto after =
        top_routes_view(routes({"a"}), {{7, {counted("a", 1'004)}}, {8, {counted("a", 6)}}},
                        {{8, {counted("a", 16)}}}, k_all);
    EXPECT_EQ(after.routes.at(0).requests_per_s, 5);
}

TEST(TopRoutes, a_route_that_was_removed_and_added_again_counts_from_nothing) {
    auto before = counted("a", 100);
    before.bytes_out_total = 5'000;
    auto after = counted("a", 4);
    after.bytes_out_total = 6'000;
    const auto view = top_routes_view(routes({"a"}), {{7, {before}}}, {{7, {after}}}, k_all);
    EXPECT_EQ(view.routes.at(0).requests_per_s, 2);
    EXPECT_EQ(view.routes.at(0).bytes_out_per_s, 3'000);
}

TEST(TopRoutes, the_limit_leaves_the_quiet_ones_out_and_keeps_the_row_of_the_rest) {
    const RouteSample after = {
        {7, {counted("a", 1), counted("b", 3), counted("c", 2), counted("", 9)}}};
    auto wish = k_all;
    wish.limit = 3;
    EXPECT_EQ(top_routes_view(routes({"a", "b", "c"}), {}, after, wish).left_out, 0);
    wish.limit = 2;
    const auto view = top_routes_view(routes({"a", "b", "c"}), {}, after, wish);
    EXPECT_EQ(view.left_out, 1);
    ASSERT_EQ(view.routes.size(), 3u);
    EXPECT_EQ(view.routes[0].host, "b");
    EXPECT_EQ(view.routes[1].host, "c");
    EXPECT_EQ(view.routes[2].host, "");
    EXPECT_EQ(view.routes[2].requests_per_s, 4.5);
}

TEST(TopRoutes, only_routes_of_the_app_that_was_asked_for_and_none_that_are_gone) {
    const RouteSample after = {
        {7, {counted("a", 1), counted("b", 3), counted("gone", 2), counted("", 9)}}};
    auto wish = k_all;
    wish.filter.app = AppId("default/a");
    const auto one = top_routes_view(routes({"a", "b"}), {}, after, wish);
    ASSERT_EQ(one.routes.size(), 1u);
    EXPECT_EQ(one.routes[0].host, "a");
    EXPECT_EQ(top_routes_view(routes({"a", "b"}), {}, after, k_all).routes.size(), 3u);
    wish.filter = {.project = "other", .app = {}};
    const auto other = top_routes_view(routes({"a", "b"}), {}, after, wish);
    ASSERT_EQ(other.routes.size(), 1u) << "all that are not told apart may be of any project";
    EXPECT_EQ(other.routes[0].host, "");
}

RC_GTEST_PROP(TopRoutes, the_requests_of_an_interval_are_the_sum_over_processes, ()) {
    const auto steps = *rc::gen::container<std::vector<std::pair<int, int>>>(
        rc::gen::pair(rc::gen::inRange(0, 1000), rc::gen::inRange(0, 1000)));
    RouteSample before;
    RouteSample after;
    std::int64_t grown = 0;
    for (std::size_t i = 0; i < steps.size(); ++i) {
        const auto [begin, more] = steps[i];
        const auto pid = static_cast<std::int64_t>(i);
        if (begin > 0) before[pid] = {counted("a", begin)};
        after[pid] = {counted("a", begin + more)};
        grown += more;
    }
    auto wish = k_all;
    wish.interval = seconds(1);
    const auto view = top_routes_view(routes({"a"}), before, after, wish);
    if (steps.empty()) {
        RC_ASSERT(view.routes.empty());
    } else {
        RC_ASSERT(view.routes.at(0).requests_per_s == static_cast<double>(grown));
        RC_ASSERT(view.routes.at(0).p50_us.has_value() == (grown > 0));
    }
}

}  // namespace
}  // namespace moln::api
