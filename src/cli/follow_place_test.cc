#include "cli/follow_place.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace moln::cli {
namespace {

json::value log_line(const std::string& instance, int end) {
    return {
        {"at", 5}, {"instance", instance}, {"position", fmt::format("{}.1.2.{}", instance, end)}};
}

TEST(FollowPlace, of_a_log_it_is_behind_the_last_line_of_each_instance) {
    FollowPlace place({9});
    EXPECT_EQ(place.positions(), "");
    EXPECT_TRUE(place.takes(log_line("web-b", 10)));
    EXPECT_TRUE(place.takes(log_line("web-a", 10)));
    EXPECT_TRUE(place.takes(log_line("web-b", 20)));
    EXPECT_TRUE(place.takes(json::object{{"skipped", 3}}));
    place.go_on();
    EXPECT_TRUE(place.takes(log_line("web-a", 30)));
    EXPECT_EQ(place.positions(), "web-a.1.2.30,web-b.1.2.20");
    EXPECT_EQ(place.begun(), WallTime{9});
}

TEST(FollowPlace, the_instances_that_printed_last_are_remembered) {
    FollowPlace place({9});
    for (std::size_t i = 0; i < k_follow_instances_max; ++i) {
        place.takes(log_line(fmt::format("web-{:04}", i), 1));
    }
    place.takes(log_line("web-0000", 2));
    EXPECT_NE(place.positions().find("web-0001.1.2.1"), std::string::npos);
    place.takes(log_line("web-new", 1));
    const auto positions = place.positions();
    EXPECT_NE(positions.find("web-0000.1.2.2,"), std::string::npos);
    EXPECT_EQ(positions.find("web-0001"), std::string::npos);
    EXPECT_NE(positions.find("web-new"), std::string::npos);
}

TEST(FollowPlace, of_events_it_is_their_number_or_a_time_where_none_was_shown) {
    FollowPlace place({100});
    place.go_on();
    EXPECT_EQ(place.event(), 0);
    EXPECT_FALSE(place.takes(json::object{{"number", 7}, {"at", 99}}));
    EXPECT_TRUE(place.takes(json::object{{"number", 8}, {"at", 100}}));
    EXPECT_TRUE(place.takes(json::object{{"number", 9}, {"at", 90}}));  // a clock that was put back
    EXPECT_EQ(place.event(), 9);
}

TEST(FollowPlace, the_past_that_was_asked_for_first_is_shown) {
    FollowPlace place({100});
    EXPECT_TRUE(place.takes(json::object{{"number", 7}, {"at", 5}}));
    EXPECT_EQ(place.event(), 7);
}

}  // namespace
}  // namespace moln::cli
