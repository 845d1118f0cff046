#include "http/date.h"

#include <array>
#include <string>

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace moln::http {
namespace {

constexpr WallTime k_now{1'763'800'000'000};  // November 2025
constexpr WallTime k_example{784'111'777'000};

std::string formatted(WallTime time) {
    std::array<char, k_date_bytes> out;
    format_date(time, out);
    return {out.data(), out.size()};
}

TEST(Date, all_three_formats_are_read) {
    EXPECT_EQ(parse_date("Sun, 06 Nov 1994 08:49:37 GMT", k_now), k_example);
    EXPECT_EQ(parse_date("Sunday, 06-Nov-94 08:49:37 GMT", k_now), k_example);
    EXPECT_EQ(parse_date("Sun Nov  6 08:49:37 1994", k_now), k_example);
    EXPECT_EQ(parse_date("Wed Nov 16 08:49:37 1994", k_now)->ms, k_example.ms + 864'000'000);
}

TEST(Date, two_digits_mean_the_year_closest_below_fifty_ahead) {
    const auto year = [](std::string_view digits, WallTime now) {
        const auto text = "Sunday, 06-Nov-" + std::string(digits) + " 08:49:37 GMT";
        return formatted(parse_date(text, now).value()).substr(12, 4);
    };
    EXPECT_EQ(year("75", k_now), "2075");
    EXPECT_EQ(year("76", k_now), "1976");
    EXPECT_EQ(year("00", k_now), "2000");
    EXPECT_EQ(year("25", k_now), "2025");
    EXPECT_EQ(year("10", WallTime{4'000'000'000'000}), "2110");  // read in 2096
}

TEST(Date, what_is_almost_a_date_is_none) {
    for (const std::string_view text :
         {"", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 UTC",
          "Sun, 06 Nov 1994 08:49:37 GMT ", "sun, 06 Nov 1994 08:49:37 GMT",
          "Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 31 Feb 1994 08:49:37 GMT",
          "Sun, 00 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:49:37 GMT",
          "Sun, 06 Nov 1994 08:60:37 GMT", "Sun, 06 Nov 1994 08:49:61 GMT",
          "Sun, 06 Nov 94 08:49:37 GMT", "Sun, 06 Nov +994 08:49:37 GMT", "Sun Nov 06 08:49:37 94",
          "Sun, 06-Nov-94 08:49:37 GMT", "0", "-1", "1994-11-06T08:49:37Z"}) {
        EXPECT_FALSE(parse_date(text, k_now)) << text;
    }
}

TEST(Date, a_leap_second_is_read) {
    EXPECT_EQ(parse_date("Sat, 31 Dec 2016 23:59:60 GMT", k_now),
              parse_date("Sun, 01 Jan 2017 00:00:00 GMT", k_now));
}

TEST(Date, is_written_as_imf_fixdate) {
    EXPECT_EQ(formatted(k_example), "Sun, 06 Nov 1994 08:49:37 GMT");
    EXPECT_EQ(formatted(WallTime{0}), "Thu, 01 Jan 1970 00:00:00 GMT");
    EXPECT_EQ(formatted(WallTime{-1}), "Wed, 31 Dec 1969 23:59:59 GMT");
    EXPECT_EQ(formatted(WallTime{INT64_MAX}), "Fri, 31 Dec 9999 23:59:59 GMT");
    EXPECT_EQ(formatted(WallTime{INT64_MIN}), "Sat, 01 Jan 0000 00:00:00 GMT");
}

TEST(Date, what_is_written_is_read_back) {
    const bool held = rc::check("date round trip", [] {
        const auto second = *rc::gen::inRange<std::int64_t>(-62'167'219'200, 253'402'300'800);
        RC_ASSERT(parse_date(formatted(WallTime{second * 1000}), k_now) == WallTime{second * 1000});
    });
    EXPECT_TRUE(held);
}

}  // namespace
}  // namespace moln::http
