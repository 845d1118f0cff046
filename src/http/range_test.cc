// Byte ranges.
#include "http/range.h"

#include <array>
#include <string>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "http/fields_testing.h"

namespace moln::http {
namespace {

std::optional<ByteRange> of(std::string_view text, std::uint64_t length) {
    const auto wish = parse_range(text);
    return wish ? resolve(*wish, length) : std::nullopt;
}
constexpr ByteRange range(std::uint64_t first, std::uint64_t last) {
    return {.first = first, .last = last};
}

TEST(Range, the_three_forms_are_resolved) {
    EXPECT_EQ(of("bytes=0-1", 10), range(0, 1));
    EXPECT_EQ(of("bytes=1-", 10), range(1, 9));
    EXPECT_EQ(of("bytes=-3", 10), range(7, 9));
    EXPECT_EQ(of("Bytes=0-99", 10), range(0, 9));
    EXPECT_EQ(of("bytes=-99", 10), range(0, 9));
    EXPECT_EQ(of("bytes=9-9", 10), range(9, 9));
}

TEST(Range, beyond_the_end_is_not_to_be_satisfied) {
    EXPECT_EQ(of("bytes=10-", 10), std::nullopt);
    EXPECT_EQ(of("bytes=-0", 10), std::nullopt);
    EXPECT_EQ(of("bytes=0-", 0), std::nullopt);
}

TEST(Range, what_is_none_asks_for_all) {
    for (const auto* text :
         {"", "bytes=", "bytes=-", "bytes=2-1", "bytes=a-b", "lines=0-1", "bytes=0-1,3-4",
          "bytes 0-1", "bytes=0x1-2", "bytes=1234567890123456789-"}) {
        EXPECT_EQ(parse_range(text), std::nullopt) << text;
    }
    FieldsOf two;
    two.add("Range", "bytes=0-1").add("Range", "bytes=0-1");
    EXPECT_EQ(range_of(two.table()), std::nullopt);
}

TEST(ContentRange, is_read_only_when_it_can_be) {
    EXPECT_EQ(parse_content_range("bytes 0-4/10"), (ContentRange{range(0, 4), 10}));
    for (const auto* text : {"", "bytes */10", "bytes 0-4/*", "bytes 4-0/10", "bytes 0-10/10",
                             "lines 0-4/10", "bytes 0-4", "bytes -4/10", "bytes 0/1-2"}) {
        EXPECT_EQ(parse_content_range(text), std::nullopt) << text;
    }
}

TEST(ContentRange, of_an_unsatisfied_range_has_the_length) {
    std::array<char, k_content_range_bytes_max> room;
    EXPECT_EQ(format_unsatisfied_range(10, room), "bytes */10");
    EXPECT_EQ(format_unsatisfied_range(~0ull, room), "bytes */18446744073709551615");
}

RC_GTEST_PROP(RangeProperty, a_resolved_range_lies_within_and_is_written_and_read_back, ()) {
    const auto length = *rc::gen::inRange<std::uint64_t>(1, 1ull << 40);
    const auto first = *rc::gen::inRange<std::uint64_t>(0, length * 2);
    const auto last = first + *rc::gen::inRange<std::uint64_t>(0, length);
    const auto form = *rc::gen::inRange(0, 3);
    std::string text = "bytes=";
    if (form != 2) text += std::to_string(first);
    text += "-";
    if (form != 1) text += std::to_string(last);
    const auto resolved = of(text, length);
    if (!resolved) {
        const bool beyond = form == 2 ? last == 0 : first >= length;
        RC_ASSERT(beyond);
        return;
    }
    RC_ASSERT(resolved->first <= resolved->last);
    RC_ASSERT(resolved->last < length);
    std::array<char, k_content_range_bytes_max> room;
    const ContentRange all{.range = *resolved, .length = length};
    RC_ASSERT(parse_content_range(format_content_range(all, room)) == all);
}

}  // namespace
}  // namespace moln::http
