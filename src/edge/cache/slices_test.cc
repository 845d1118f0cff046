// What is a slice of an answer, and which is asked for.
#include "edge/cache/slices.h"

#include <string>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "http/head_testing.h"

namespace moln::edge {
namespace {

using http::testing::parse_response;

constexpr WallTime k_now{1'763'800'000'000};
constexpr std::uint64_t k_mib = 1u << 20;
static_assert(k_slice_bytes == k_mib);

struct Came {
    explicit Came(const std::string& fields, int status = 206)
        : parsed(
              parse_response("HTTP/1.1 " + std::to_string(status) + " X\r\n" + fields + "\r\n")) {
        EXPECT_EQ(parsed.result.progress, http::Progress::done);
    }
    std::optional<SliceFacts> facts(std::uint64_t number) const {
        return slice_facts(parsed.head, number, k_now);
    }
    decltype(parse_response("")) parsed;
};

bool is_slice(const std::string& fields, std::uint64_t number, int status = 206) {
    return Came(fields, status).facts(number).has_value();
}

std::string range(std::uint64_t first, std::uint64_t last, std::uint64_t total) {
    return "ETag: \"e\"\r\nContent-Range: bytes " + std::to_string(first) + "-" +
           std::to_string(last) + "/" + std::to_string(total) + "\r\n";
}

TEST(SliceKey, is_no_urls_key_and_one_for_each_slice) {
    std::array<char, k_cache_key_bytes_max> room;
    EXPECT_EQ(slice_key("http://a/b", 12, room), "http://a/b 12");
    EXPECT_EQ(unsliced_key("http://a/b", room), "http://a/b -");
    EXPECT_TRUE(slice_key(std::string(k_cache_key_bytes_max - 2, 'a'), 1, room));
    EXPECT_FALSE(slice_key(std::string(k_cache_key_bytes_max - 1, 'a'), 1, room));
    EXPECT_FALSE(unsliced_key(std::string(k_cache_key_bytes_max - 1, 'a'), room));
}

TEST(FirstSlice, is_where_the_range_begins_and_the_first_where_that_is_not_known) {
    EXPECT_EQ(first_slice(std::nullopt), 0u);
    EXPECT_EQ(first_slice(http::parse_range("bytes=-5")), 0u);
    EXPECT_EQ(first_slice(http::parse_range("bytes=0-")), 0u);
    EXPECT_EQ(first_slice(http::parse_range("bytes=1048575-")), 0u);
    EXPECT_EQ(first_slice(http::parse_range("bytes=1048576-1048577")), 1u);
}

TEST(Slice, is_all_that_was_asked_for_or_all_up_to_the_end) {
    EXPECT_TRUE(is_slice(range(0, k_mib - 1, 5 * k_mib), 0));
    EXPECT_TRUE(is_slice(range(4 * k_mib, 5 * k_mib - 1, 5 * k_mib), 4));
    EXPECT_TRUE(is_slice(range(k_mib, k_mib, k_mib + 1), 1));
    EXPECT_TRUE(is_slice(range(0, 9, 10), 0));
    EXPECT_FALSE(is_slice(range(0, 9, 11), 0));
    EXPECT_FALSE(is_slice(range(1, 9, 10), 0));
    EXPECT_FALSE(is_slice(range(0, k_mib, 5 * k_mib), 0));
    EXPECT_FALSE(is_slice(range(0, k_mib - 1, 5 * k_mib), 1));
    EXPECT_FALSE(is_slice("ETag: \"e\"\r\nContent-Range: bytes 0-9/*\r\n", 0));
    EXPECT_FALSE(is_slice("ETag: \"e\"\r\n", 0));
    EXPECT_FALSE(is_slice(range(0, 9, 10), 0, 200));
    EXPECT_FALSE(is_slice(range(0, 9, 10) + "Content-Range: bytes 0-9/10\r\n", 0));
}

TEST(Slice, needs_a_strong_validator) {
    const std::string parts = "Content-Range: bytes 0-9/10\r\n";
    const std::string date = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
    EXPECT_TRUE(is_slice(parts + "ETag: \"e\"\r\n", 0));
    EXPECT_FALSE(is_slice(parts, 0));
    EXPECT_FALSE(is_slice(parts + "ETag: W/\"e\"\r\n", 0));
    EXPECT_FALSE(is_slice(parts + "ETag: \"\"\r\n", 0));
    EXPECT_FALSE(is_slice(parts + "ETag: e\r\n", 0));
    EXPECT_TRUE(is_slice(parts + date + "Last-Modified: Sun, 06 Nov 1994 08:48:37 GMT\r\n", 0));
    EXPECT_FALSE(is_slice(parts + date + "Last-Modified: Sun, 06 Nov 1994 08:48:38 GMT\r\n", 0));
    EXPECT_FALSE(is_slice(parts + "Last-Modified: Sun, 06 Nov 1994 08:48:37 GMT\r\n", 0));
    // One that is weak is not made strong by a date.
    EXPECT_FALSE(is_slice(
        parts + date + "ETag: W/\"e\"\r\nLast-Modified: Sun, 06 Nov 1994 08:48:37 GMT\r\n", 0));
}

TEST(Slice, of_a_long_answer_can_be_asked_for_unless_the_app_says_no) {
    const auto may = [](const std::string& fields, int status = 200) {
        return may_have_slices(Came(fields, status).parsed.head, k_now);
    };
    EXPECT_TRUE(may("ETag: \"e\"\r\n"));
    EXPECT_TRUE(may("ETag: \"e\"\r\nAccept-Ranges: bytes\r\n"));
    EXPECT_FALSE(may("ETag: \"e\"\r\nAccept-Ranges: None\r\n"));
    EXPECT_FALSE(may("ETag: W/\"e\"\r\n"));
    EXPECT_FALSE(may(""));
    EXPECT_FALSE(may("ETag: \"e\"\r\n", 404));
}

RC_GTEST_PROP(Slice, together_they_are_the_whole, ()) {
    const auto total = *rc::gen::inRange<std::uint64_t>(1, 20 * k_slice_bytes);
    std::uint64_t covered = 0;
    for (std::uint64_t number = 0; covered < total; ++number) {
        const auto wanted = slice_range(number);
        const Came came(range(wanted.first, std::min(wanted.last, total - 1), total));
        const auto facts = came.facts(number);
        RC_ASSERT(facts.has_value());
        RC_ASSERT(facts->first == covered);
        RC_ASSERT(facts->size > 0u && facts->size <= k_slice_bytes);
        RC_ASSERT(facts->total == total);
        RC_ASSERT(!came.facts(number + 1));
        covered += facts->size;
    }
    RC_ASSERT(covered == total);
}

}  // namespace
}  // namespace moln::edge
