#include "edge/daemon_line.h"

#include <gtest/gtest.h>

namespace moln::edge {
namespace {

TEST(DaemonLine, is_a_snapshot_or_a_question) {
    const auto snapshot = parse_daemon_line(R"({"snapshot": {"version": 7, "of_the_future": 1}})");
    ASSERT_TRUE(snapshot);
    EXPECT_EQ(std::get<EdgeSnapshot>(*snapshot).version, 7);
    const auto delta = parse_daemon_line(R"({"delta": {"base_version": 6, "version": 7}})");
    ASSERT_TRUE(delta);
    EXPECT_EQ(std::get<EdgeDelta>(*delta).base_version, 6);
    EXPECT_TRUE(std::get<EdgeDelta>(*delta).last);
    const auto offer = parse_daemon_line(R"({"listener": {"listen": "tcp:25", "problem": "x"}})");
    ASSERT_TRUE(offer);
    EXPECT_EQ(std::get<EdgeListenOffer>(*offer).problem, "x");
    EXPECT_EQ(std::get<DaemonAsk>(*parse_daemon_line(R"({"get": "report"})")), DaemonAsk::report);
    EXPECT_EQ(std::get<DaemonAsk>(*parse_daemon_line(R"({"get": "metrics"})")), DaemonAsk::metrics);
    EXPECT_EQ(std::get<DaemonAsk>(*parse_daemon_line(R"({"get": "routes"})")), DaemonAsk::routes);
    const auto purge =
        parse_daemon_line(R"({"purge": {"scope": "tag", "project": "p", "name": "t"}})");
    EXPECT_EQ(std::get<CachePurge>(*purge),
              (CachePurge{.scope = CachePurgeScope::tag, .project = "p", .name = "t"}));
}

TEST(DaemonLine, may_be_of_an_edge_that_takes_over) {
    EXPECT_TRUE(std::holds_alternative<TakeOver>(*parse_daemon_line(R"({"take_over": {"x": 1}})")));
    EXPECT_TRUE(std::holds_alternative<Release>(*parse_daemon_line(R"({"release": {}})")));
    const auto took = parse_daemon_line(R"({"took_over": {"drain_limit": 5000}})");
    ASSERT_TRUE(took);
    EXPECT_EQ(std::get<TookOver>(*took).drain_limit, seconds(5));
    EXPECT_FALSE(parse_daemon_line(R"({"took_over": {"drain_limit": "soon"}})"));
}

TEST(DaemonLine, anything_else_is_invalid) {
    for (const auto* line :
         {"", "{}", "[]", "7", R"({"get": "everything"})", R"({"get": 7})", R"({"snapshot": []})",
          R"({"get": "report", "snapshot": {}})", R"({"report": {}})", R"({"listener": 7})",
          R"({"delta": {"routes": 7}})", R"({"get": "report"} x)"}) {
        const auto parsed = parse_daemon_line(line);
        ASSERT_FALSE(parsed) << line;
        EXPECT_EQ(parsed.error().code, ErrorCode::invalid) << line;
    }
}

}  // namespace
}  // namespace moln::edge
