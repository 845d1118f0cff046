// What goes on with a body that broke off.
#include "edge/cache/resuming.h"

#include <string>

#include <gtest/gtest.h>

#include "http/head_testing.h"

namespace moln::edge {
namespace {

constexpr BrokenBody k_broken{.tag = "\"a\"", .have = 4, .length = 10};

bool is_rest(const std::string& fields, std::optional<std::uint64_t> bytes = 6,
             const std::string& status = "206 Partial Content") {
    const auto response =
        http::testing::parse_response("HTTP/1.1 " + status + "\r\n" + fields + "\r\n");
    return is_rest_of(k_broken, response.head, bytes);
}

TEST(Resuming, takes_a_strong_tag_and_a_length) {
    EXPECT_TRUE(may_resume(200, "\"a\"", 10));
    EXPECT_FALSE(may_resume(206, "\"a\"", 10));
    EXPECT_FALSE(may_resume(200, "W/\"a\"", 10));
    EXPECT_FALSE(may_resume(200, "", 10));
    EXPECT_FALSE(may_resume(200, "\"a\"", std::nullopt));
}

TEST(Resuming, goes_on_with_the_rest_of_the_same_and_nothing_else) {
    const std::string tag = "ETag: \"a\"\r\n";
    EXPECT_TRUE(is_rest(tag + "Content-Range: bytes 4-9/10\r\n"));
    EXPECT_FALSE(is_rest(tag + "Content-Range: bytes 3-9/10\r\n", 7));
    EXPECT_FALSE(is_rest(tag + "Content-Range: bytes 4-8/10\r\n", 5));
    EXPECT_FALSE(is_rest(tag + "Content-Range: bytes 4-9/11\r\n"));
    EXPECT_FALSE(is_rest(tag + "Content-Range: bytes 4-9/*\r\n"));
    EXPECT_FALSE(is_rest(tag + "Content-Range: bytes 4-9/10\r\n", 5));
    EXPECT_FALSE(is_rest(tag + "Content-Range: bytes 4-9/10\r\n", std::nullopt));
    EXPECT_FALSE(is_rest(tag + "Content-Range: bytes 4-9/10\r\n", 6, "200 OK"));
    EXPECT_FALSE(is_rest(tag));
    EXPECT_FALSE(is_rest("ETag: \"b\"\r\nContent-Range: bytes 4-9/10\r\n"));
    EXPECT_FALSE(is_rest("ETag: W/\"a\"\r\nContent-Range: bytes 4-9/10\r\n"));
    EXPECT_FALSE(is_rest("Content-Range: bytes 4-9/10\r\n"));
}

}  // namespace
}  // namespace moln::edge
