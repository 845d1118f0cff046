// Keys and the names of what is purged.
#include "edge/cache/target.h"

#include <gtest/gtest.h>

#include "http/head_testing.h"

namespace moln::edge {
namespace {

using http::testing::parse_request;

std::string key(const CacheEntrance& entrance, const std::string& line, const std::string& host) {
    const auto parsed = parse_request("GET " + line + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
    EXPECT_EQ(parsed.result.progress, http::Progress::done);
    std::array<char, k_cache_key_bytes_max> room;
    return std::string(cache_key(entrance, parsed.head, room).value_or("none"));
}

CacheTarget base(const std::string& line) {
    const auto parsed = parse_request("GET " + line + " HTTP/1.1\r\nHost: Shop.test:80\r\n\r\n");
    return CacheTarget::of(parsed.head).value();
}

std::string seen_from(const std::string& line, std::string_view reference) {
    const auto target = CacheTarget::of(reference, base(line));
    return target ? std::string(target->url()) : "none";
}

std::string named(std::string_view url) {
    const auto target = CacheTarget::of(url);
    return target ? std::string(target->url()) : "none";
}

TEST(CacheKey, is_the_url_as_the_app_sees_it) {
    EXPECT_EQ(key({"http"}, "/a?b", "Shop.Test"), "http://shop.test/a?b");
    EXPECT_EQ(key({"https"}, "/a", "shop.test:8443"), "https://shop.test:8443/a");
    EXPECT_EQ(key({"http"}, "http://shop.test/a", "shop.test"), "http://shop.test/a");
    EXPECT_EQ(key({"http"}, "/A%2fb", "a"), "http://a/A%2fb");
    EXPECT_NE(key({"http"}, "/a?", "a"), key({"http"}, "/a", "a"));
    EXPECT_EQ(key({"https", 8443}, "/a", "shop.test"), "https+8443://shop.test/a");
    EXPECT_EQ(key({"https", 443}, "/a", "shop.test"), key({"https"}, "/a", "shop.test"));
    EXPECT_EQ(key({"http", 80}, "/a", "shop.test"), key({"http"}, "/a", "shop.test"));
    EXPECT_EQ(key({"http", 443}, "/a", "shop.test"), "http+443://shop.test/a");
}

TEST(CacheKey, hashes_differ_in_all_bits) {
    std::uint64_t ones = 0;
    std::uint64_t zeros = 0;
    for (int i = 0; i < 100; ++i) {
        const auto hash = cache_hash("http://shop.test/" + std::to_string(i), 7);
        ones |= hash;
        zeros |= ~hash;
    }
    EXPECT_EQ(ones & zeros, ~std::uint64_t{0});
}

TEST(CacheTarget, is_normalised) {
    EXPECT_EQ(base("/a/../b%7e?Q").url(), "shop.test/b~?Q");
    EXPECT_EQ(base("/a").path(), "/a");
    EXPECT_EQ(base("/a?b").query(), "b");
    EXPECT_EQ(base("/a?").url(), "shop.test/a?");
}

TEST(CacheTarget, references_are_seen_from_their_base) {
    EXPECT_EQ(seen_from("/a/b?q", "/c?d"), "shop.test/c?d");
    EXPECT_EQ(seen_from("/a/b?q", "c"), "shop.test/a/c");
    EXPECT_EQ(seen_from("/a/b?q", "../c"), "shop.test/c");
    EXPECT_EQ(seen_from("/a/b?q", ""), "shop.test/a/b?q");
    EXPECT_EQ(seen_from("/a/b?q", "?r"), "shop.test/a/b?r");
    EXPECT_EQ(seen_from("/a/b", "http://shop.test/c#d"), "shop.test/c");
    EXPECT_EQ(seen_from("/a/b", "//SHOP.test:80/c"), "shop.test/c");
    EXPECT_EQ(seen_from("/a/b", "https://other.test/c"), "none");
    EXPECT_EQ(seen_from("/a/b", "/../../c"), "none");
    EXPECT_EQ(seen_from("/a/b", "/<>"), "none");
}

TEST(CacheTarget, a_users_url_needs_no_scheme) {
    EXPECT_EQ(named("https://Shop.test/a?b"), "shop.test/a?b");
    EXPECT_EQ(named("shop.test"), "shop.test/");
    EXPECT_EQ(named("shop.test?x"), "shop.test/?x");
    EXPECT_EQ(named("http://"), "none");
    EXPECT_EQ(named("a b/c"), "none");
}

TEST(CacheTarget, targets_at_the_limit_and_one_past_it) {
    const std::string path = "/" + std::string(http::HeadLimits{}.target_bytes_max - 1, 'x');
    EXPECT_NE(named("shop.test" + path), "none");
    EXPECT_EQ(named("shop.test" + path + "x"), "none");
}

}  // namespace
}  // namespace moln::edge
