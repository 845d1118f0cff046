#include "edge/report_lines.h"

#include <gtest/gtest.h>

namespace moln::edge {
namespace {

EdgeReport with(std::size_t apps, std::size_t endpoints) {
    EdgeReport report;
    report.pid = 7;
    report.apps.resize(apps);
    report.endpoints.resize(endpoints);
    return report;
}

TEST(ReportLines, are_one_up_to_the_limit_and_two_past_it) {
    const auto one = report_lines(with(1, k_report_entries_max - 1), {5, 2});
    ASSERT_EQ(one.size(), 1U);
    EXPECT_FALSE(parse_json(one[0], one[0].size())->get_object().contains("more"));
    EXPECT_TRUE(parse_json(one[0], one[0].size())->get_object().contains("deltas"));
    EXPECT_TRUE(parse_json(one[0], one[0].size())->get_object().contains("cache_peers"));

    const auto counts =
        from_json<EdgeProcessCounts>(parse_json(one[0], one[0].size())->at("counts"));
    EXPECT_EQ(counts, (EdgeProcessCounts{5, 2}));

    const auto two = report_lines(with(2, k_report_entries_max - 1), {5, 2});
    ASSERT_EQ(two.size(), 2U);
    const auto first = parse_json(two[0], two[0].size());
    EXPECT_TRUE(first->get_object().contains("more"));
    EXPECT_EQ(first->at("report").at("pid"), 7);
    EXPECT_TRUE(first->get_object().contains("counts"));
    const auto last = parse_json(two[1], two[1].size());
    EXPECT_FALSE(last->get_object().contains("more"));
    EXPECT_FALSE(last->get_object().contains("counts"));
    EXPECT_EQ(last->at("report").at("endpoints").get_array().size(), 1U);
    EXPECT_EQ(last->at("report").at("apps").get_array().size(), 0U);
}

TEST(ReportLines, of_changes_the_first_says_that_they_are_and_what_is_gone) {
    ReportChanges changes{.report = with(1, k_report_entries_max),
                          .endpoints_gone = {InstanceId("web-a")},
                          .apps_gone = {{AppId("default/shop"), "web"}}};
    const auto lines = change_lines(changes, {5, 2});
    ASSERT_EQ(lines.size(), 2U);
    const auto first = parse_json(lines[0], lines[0].size());
    EXPECT_TRUE(first->get_object().contains("more"));
    EXPECT_EQ(first->at("since"), true);
    EXPECT_EQ(from_json<std::vector<InstanceId>>(first->at("endpoints_gone")),
              changes.endpoints_gone);
    EXPECT_EQ(from_json<std::vector<EdgeAppKey>>(first->at("apps_gone")), changes.apps_gone);
    const auto last = parse_json(lines[1], lines[1].size());
    EXPECT_FALSE(last->get_object().contains("since"));
    const auto whole = report_lines(with(1, 1), {5, 2})[0];
    EXPECT_EQ(whole.find("since"), std::string::npos);
}

}  // namespace
}  // namespace moln::edge
