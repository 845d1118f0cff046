#include "model/cron.h"

#include <chrono>
#include <string>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace moln {
namespace {

namespace time_ = std::chrono;

WallTime at(int year, unsigned month, unsigned day, int hour, int minute) {
    const time_::sys_days date{time_::year{year} / time_::month{month} / time_::day{day}};
    const auto point = date + time_::hours{hour} + time_::minutes{minute};
    return {time_::duration_cast<time_::milliseconds>(point.time_since_epoch()).count()};
}

WallTime next(std::string_view expression, WallTime after) {
    const auto schedule = parse_cron(expression);
    if (!schedule) throw std::runtime_error(schedule.error().reason);
    return *next_fire(*schedule, after);
}

TEST(Cron, fires_at_the_next_match_and_never_at_once) {
    const auto noon = at(2026, 11, 22, 12, 0);  // a Sunday
    EXPECT_EQ(next("* * * * *", noon), at(2026, 11, 22, 12, 1));
    EXPECT_EQ(next("0 12 * * *", noon), at(2026, 11, 23, 12, 0));
    EXPECT_EQ(next("*/15 * * * *", noon), at(2026, 11, 22, 12, 15));
    EXPECT_EQ(next("30 4 1,15 * *", noon), at(2026, 12, 1, 4, 30));
    EXPECT_EQ(next("0 9 * * mon-fri", noon), at(2026, 11, 23, 9, 0));
    EXPECT_EQ(next("0 0 * jan 0", noon), at(2027, 1, 3, 0, 0));
    EXPECT_EQ(next("0 13 * * 7", noon), at(2026, 11, 22, 13, 0));
    EXPECT_EQ(next("5-20/5 * * * *", noon), at(2026, 11, 22, 12, 5));
}

TEST(Cron, seconds_within_a_minute_do_not_matter) {
    EXPECT_EQ(next("1 12 * * *", at(2026, 11, 22, 12, 0) + Milliseconds{59'999}),
              at(2026, 11, 22, 12, 1));
}

TEST(Cron, two_restricted_day_fields_match_either) {
    // The 1st or any Friday: after Sunday 22 November 2026 the Friday comes first.
    EXPECT_EQ(next("0 0 1 * fri", at(2026, 11, 22, 0, 0)), at(2026, 11, 27, 0, 0));
    EXPECT_EQ(next("0 0 1 * fri", at(2026, 11, 27, 0, 0)), at(2026, 12, 1, 0, 0));
}

TEST(Cron, leap_day_across_a_century_is_found) {
    EXPECT_EQ(next("0 0 29 2 *", at(2096, 2, 29, 0, 0)), at(2104, 2, 29, 0, 0));
}

TEST(Cron, nothing_fires_after_the_year_9999) {
    const auto schedule = *parse_cron("0 0 1 1 *");
    EXPECT_FALSE(next_fire(schedule, at(9999, 1, 1, 0, 0)));
    EXPECT_FALSE(next_fire(schedule, WallTime{std::numeric_limits<std::int64_t>::max()}));
    EXPECT_TRUE(next_fire(schedule, WallTime{-1'000'000'000'000}));
}

TEST(Cron, what_is_no_schedule_names_the_field) {
    const auto reason = [](std::string_view text) { return parse_cron(text).error().reason; };
    EXPECT_NE(reason("60 * * * *").find("minute: expected 0 to 59"), std::string::npos);
    EXPECT_NE(reason("* * 0 * *").find("day of month: expected 1 to 31"), std::string::npos);
    EXPECT_NE(reason("* * 30 2 *").find("no date ever matches"), std::string::npos);
    for (const auto* text : {"", "@daily", "* * * *", "* * * * * *", "5-1 * * * *", "*/0 * * * *",
                             "1,,2 * * * *", "a * * * *", "-1 * * * *", "1-2-3 * * * *",
                             "1/2 * * * *", "* * * foo *", "* * * * 8", "*/61 * * * *"}) {
        EXPECT_FALSE(parse_cron(text)) << text;
    }
}

// The fields of one minute against the expression's own sets, without any search.
bool matches(const CronSchedule& schedule, WallTime when) {
    const time_::sys_time<time_::milliseconds> point{time_::milliseconds{when.ms}};
    const auto day = time_::floor<time_::days>(point);
    const time_::year_month_day date{day};
    const time_::hh_mm_ss clock{point - day};
    const bool month_day = schedule.month_days.test(static_cast<unsigned>(date.day()));
    const bool week_day = schedule.week_days.test(time_::weekday{day}.c_encoding());
    return schedule.minutes.test(static_cast<std::size_t>(clock.minutes().count())) &&
           schedule.hours.test(static_cast<std::size_t>(clock.hours().count())) &&
           schedule.months.test(static_cast<unsigned>(date.month())) &&
           (schedule.either_day ? month_day || week_day : month_day && week_day);
}

RC_GTEST_PROP(Cron, equals_a_search_minute_by_minute, ()) {
    const auto field = [](int min, int max) {
        const auto value = *rc::gen::inRange(min, max + 1);
        return *rc::gen::element(std::string("*"), std::to_string(value),
                                 std::string("*/") + std::to_string(std::max(value, 1)),
                                 std::to_string(min) + "-" + std::to_string(value));
    };
    // Months stay open, so that a naive search of some weeks is enough most of the time.
    const auto expression =
        field(0, 59) + " " + field(0, 23) + " " + field(1, 28) + " * " + field(0, 6);
    const auto schedule = parse_cron(expression);
    RC_ASSERT(schedule.has_value());
    const WallTime after{*rc::gen::inRange<std::int64_t>(0, 4'000'000'000'000)};
    const auto found = next_fire(*schedule, after);
    RC_ASSERT(found.has_value());
    RC_ASSERT(matches(*schedule, *found));
    RC_ASSERT(*found > after);
    const auto minute = minutes(1).count;
    const auto most = std::min(found->ms, after.ms + days(40).count);
    for (auto ms = (after.ms / minute + 1) * minute; ms < most; ms += minute) {
        RC_ASSERT(!matches(*schedule, {ms}));
    }
}

RC_GTEST_PROP(Cron, any_text_gives_a_schedule_or_an_error, (const std::string& text)) {
    const auto schedule = parse_cron(text);
    if (schedule) RC_ASSERT(next_fire(*schedule, WallTime{0}).has_value());
}

}  // namespace
}  // namespace moln
