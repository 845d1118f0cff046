#include "runtime/edge/route_counts.h"

#include <gtest/gtest.h>

namespace moln::edge_loop {
namespace {

EdgeRoute route(const std::string& host) {
    EdgeRoute out;
    out.host = host;
    return out;
}

TEST(RouteLedger, adds_up_workers_and_begins_anew_for_the_next_of_a_slot) {
    RouteCounts one;
    RouteCounts two;
    RouteLedger ledger(std::vector<const RouteCounts*>{&one, &two});
    const auto first = ledger.assign(std::vector{route("a"), route("b")});
    one.slot(first->at(0)).requests_total.add(3);
    two.slot(first->at(0)).requests_total.add(4);
    two.slot(first->at(0)).latency[2].add(7);
    one.slot(first->at(1)).bytes_out.add(100);
    auto report = ledger.report();
    ASSERT_EQ(report.size(), 2U);
    EXPECT_EQ(report[0].host, "a");
    EXPECT_EQ(report[0].path, "/");
    EXPECT_EQ(report[0].requests_total, 7);
    EXPECT_EQ(report[0].latency_counts[2], 7);
    EXPECT_EQ(report[1].bytes_out_total, 100);

    const auto second = ledger.assign(std::vector{route("b"), route("c")});
    EXPECT_EQ(second->at(0), first->at(1));
    EXPECT_EQ(second->at(1), first->at(0));
    two.slot(second->at(1)).requests_total.add(1);
    report = ledger.report();
    ASSERT_EQ(report.size(), 2U);
    EXPECT_EQ(report[0].bytes_out_total, 100);
    EXPECT_EQ(report[1].host, "c");
    EXPECT_EQ(report[1].requests_total, 1);
    EXPECT_EQ(report[1].latency_counts[2], 0);

    one.slot(0).requests_total.add(5);
    EXPECT_EQ(ledger.report().back().host, "");
    EXPECT_EQ(ledger.report().back().requests_total, 5);
}

}  // namespace
}  // namespace moln::edge_loop
