#include "model/quantity.h"

#include <limits>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace moln {
namespace {

TEST(Size, units_are_powers_of_1024) {
    EXPECT_EQ(*parse_size("512M"), mib(512));
    EXPECT_EQ(*parse_size("1GiB"), gib(1));
    EXPECT_EQ(*parse_size("1Gi"), gib(1));
    EXPECT_EQ(*parse_size("64k"), kib(64));
    EXPECT_EQ(*parse_size("2T"), gib(2048));
    EXPECT_EQ(*parse_size("17"), Bytes{17});
    EXPECT_EQ(*parse_size("17B"), Bytes{17});
    EXPECT_EQ(*parse_size("0"), Bytes{0});
}

TEST(Size, what_is_no_size_is_refused) {
    for (const auto* text : {"", "lots", "M", "-1M", "1.5G", "512MB", "1 G", "1G ", "+1", "1GG",
                             "99999999999999999999", "9223372036854775807K"}) {
        const auto size = parse_size(text);
        ASSERT_FALSE(size) << text;
        EXPECT_EQ(size.error().code, ErrorCode::invalid);
    }
}

TEST(Duration, units_add_up_longest_first) {
    EXPECT_EQ(*parse_duration("250ms"), Milliseconds{250});
    EXPECT_EQ(*parse_duration("30s"), seconds(30));
    EXPECT_EQ(*parse_duration("1h30m"), minutes(90));
    EXPECT_EQ(*parse_duration("7d"), days(7));
    EXPECT_EQ(*parse_duration("0s"), Milliseconds{0});
}

TEST(Duration, what_is_no_duration_is_refused) {
    for (const auto* text : {"", "30", "s", "30m1h", "1s1s", "1.5s", "-1s", "5 m", "5m ", "1x",
                             "9223372036854775807d", "106751991167d8h"}) {
        EXPECT_FALSE(parse_duration(text)) << text;
    }
}

RC_GTEST_PROP(Size, formatted_text_parses_back, ()) {
    const auto unit = *rc::gen::element(1L, 1L << 10, 1L << 20, 1L << 30, 1L << 40);
    const auto most = std::numeric_limits<std::int64_t>::max() / unit;
    const Bytes size{*rc::gen::inRange<std::int64_t>(0, std::min(most, 5'000'000L)) * unit};
    RC_ASSERT(*parse_size(format_size(size)) == size);
}

RC_GTEST_PROP(Duration, formatted_text_parses_back, (std::int64_t count)) {
    RC_PRE(count >= 0);
    RC_ASSERT(*parse_duration(format_duration({count})) == Milliseconds{count});
}

RC_GTEST_PROP(Quantity, any_text_gives_a_value_or_an_error, (const std::string& text)) {
    if (const auto size = parse_size(text)) RC_ASSERT(size->count >= 0);
    if (const auto duration = parse_duration(text)) RC_ASSERT(duration->count >= 0);
}

TEST(Quantity, extremes_are_written_in_full) {
    const auto widest = std::numeric_limits<std::int64_t>::max();
    EXPECT_EQ(parse_size(format_size({widest}))->count, widest);
    EXPECT_EQ(parse_duration(format_duration({widest}))->count, widest);
    EXPECT_EQ(format_duration({-90'000}), "-1m30s");
    EXPECT_EQ(format_duration({std::numeric_limits<std::int64_t>::min()}).front(), '-');
}

}  // namespace
}  // namespace moln
