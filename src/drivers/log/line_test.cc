#include "drivers/log/line.h"

#include <gtest/gtest.h>

namespace moln {
namespace {

TEST(ParseLogTime, takes_fraction_and_offset) {
    EXPECT_EQ(parse_log_time("1970-01-01T00:00:01.250000000+00:00")->ms, 1250);
    EXPECT_EQ(parse_log_time("1970-01-01T02:00:00.5+02:00")->ms, 500);
    EXPECT_EQ(parse_log_time("1969-12-31T23:00:00-01:00")->ms, 0);
    EXPECT_EQ(parse_log_time("2026-11-22T11:43:37Z")->ms, 1795347817000);
}

TEST(ParseLogTime, refuses_what_is_not_a_time) {
    for (const auto* text :
         {"", "yesterday", "1970-13-01T00:00:01Z", "1970-02-30T00:00:00Z", "1970-01-01T00:00:01",
          "1970-01-01T00:00:01+0000", "-970-01-01T00:00:01Z"}) {
        EXPECT_FALSE(parse_log_time(text)) << text;
    }
}

TEST(LogAssembler, joins_partial_lines_of_one_stream) {
    LogAssembler assembler;
    EXPECT_FALSE(assembler.feed("1970-01-01T00:00:01Z stdout P one "));
    EXPECT_EQ(assembler.feed("1970-01-01T00:00:01Z stderr F apart")->text, "apart");
    const auto line = assembler.feed("1970-01-01T00:00:02Z stdout F two");
    ASSERT_TRUE(line);
    EXPECT_EQ(line->text, "one two");
    EXPECT_EQ(line->at.ms, 1000);
}

TEST(LogAssembler, an_empty_line_is_a_line) {
    LogAssembler assembler;
    EXPECT_EQ(assembler.feed("1970-01-01T00:00:01Z stdout F ")->text, "");
    EXPECT_EQ(assembler.feed("1970-01-01T00:00:01Z stdout F")->text, "");
}

TEST(LogAssembler, torn_lines_are_skipped) {
    LogAssembler assembler;
    for (const auto* text : {"", "rest of a line", "1970-01-01T00:00:01Z", "x stdout F a",
                             "1970-01-01T00:00:01Z stdin F a", "1970-01-01T00:00:01Z stdout X"}) {
        EXPECT_FALSE(assembler.feed(text)) << text;
    }
}

TEST(LogAssembler, a_line_at_the_limit_is_whole_and_one_byte_more_is_cut) {
    LogAssembler assembler;
    const std::string prefix = "1970-01-01T00:00:01Z stdout ";
    const std::string half(k_log_text_bytes_max / 2, 'a');
    assembler.feed(prefix + "P " + half);
    EXPECT_EQ(assembler.feed(prefix + "F " + half)->text.size(), k_log_text_bytes_max);
    assembler.feed(prefix + "P " + half);
    EXPECT_EQ(assembler.feed(prefix + "F " + half + "b")->text.size(), k_log_text_bytes_max);
}

}  // namespace
}  // namespace moln
