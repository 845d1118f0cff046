#include "model/words.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace moln {
namespace {

TEST(Words, sizes_have_three_digits_at_most) {
    EXPECT_EQ(size_words({-1}), "0 B");
    EXPECT_EQ(size_words({1023}), "1023 B");
    EXPECT_EQ(size_words(kib(1)), "1 KiB");
    EXPECT_EQ(size_words({1536}), "1.5 KiB");
    EXPECT_EQ(size_words(mib(12)), "12 MiB");
    EXPECT_EQ(size_words(gib(2048)), "2 TiB");
    EXPECT_EQ(size_words({1024 * 1024 - 1}), "1 MiB");
}

TEST(Words, durations_are_the_largest_whole_unit) {
    EXPECT_EQ(duration_words({-5}), "0 s");
    EXPECT_EQ(duration_words({59'999}), "59 s");
    EXPECT_EQ(duration_words(minutes(14)), "14 min");
    EXPECT_EQ(duration_words(minutes(60)), "1 h");
    EXPECT_EQ(duration_words(days(2)), "2 d");
}

TEST(Words, exits_say_how) {
    EXPECT_EQ(exit_words({.code = 1}), "exited with code 1");
    EXPECT_EQ(exit_words({.signal = 11}), "killed by SIGSEGV");
    EXPECT_EQ(exit_words({.signal = 63}), "killed by signal 63");
    EXPECT_EQ(exit_words({.signal = 9, .out_of_memory = true}), "killed: out of memory");
    EXPECT_EQ(count_words(1, "request"), "1 request");
    EXPECT_EQ(count_words(0, "request"), "0 requests");
}

TEST(Utf8, what_is_valid_stays_and_the_rest_is_replaced) {
    EXPECT_EQ(valid_utf8("gr\xC3\xBCn \xF0\x9F\x90\xB3"), "gr\xC3\xBCn \xF0\x9F\x90\xB3");
    EXPECT_EQ(valid_utf8("a\xFFz"), "a\xEF\xBF\xBDz");
    EXPECT_EQ(valid_utf8("\xC3"), "\xEF\xBF\xBD");          // cut
    EXPECT_EQ(valid_utf8("\xC0\x80").size(), 6u);           // overlong
    EXPECT_EQ(valid_utf8("\xED\xA0\x80").size(), 9u);       // surrogate
    EXPECT_EQ(valid_utf8("\xF4\x90\x80\x80").size(), 12u);  // past U+10FFFF
    rc::check("is its own fixed point", [](const std::string& text) {
        const auto once = valid_utf8(text);
        RC_ASSERT(valid_utf8(once) == once);
    });
}

}  // namespace
}  // namespace moln
