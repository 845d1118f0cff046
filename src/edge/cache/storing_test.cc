// What is stored and what is not.
#include "edge/cache/storing.h"

#include <string>

#include <gtest/gtest.h>

#include "http/head_testing.h"

namespace moln::edge {
namespace {

using http::testing::parse_request;
using http::testing::parse_response;

constexpr WallTime k_now{1'763'800'000'000};
constexpr std::string_view k_changed = "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n";

StoreRefusal refusal(const std::string& response, const std::string& request = "", int status = 200,
                     PartAsked part = PartAsked::no, Identity identity = Identity::by_head) {
    const auto asked = parse_request("GET / HTTP/1.1\r\nHost: a\r\n" + request + "\r\n");
    const auto came =
        parse_response("HTTP/1.1 " + std::to_string(status) + " X\r\n" + response + "\r\n");
    EXPECT_EQ(came.result.progress, http::Progress::done);
    return judge_store(asked.head, came.head, {k_now, k_now}, {}, part, identity).refusal;
}

CacheRole role(const std::string& head) {
    const auto parsed = parse_request(head + "\r\n");
    EXPECT_EQ(parsed.result.progress, http::Progress::done) << head;
    return cache_role(parsed.head);
}

TEST(CacheRole, gets_without_conditions_for_the_origin_are_looked_up) {
    EXPECT_EQ(role("GET / HTTP/1.1\r\nHost: a\r\n"), CacheRole::lookup);
    EXPECT_EQ(role("HEAD / HTTP/1.1\r\nHost: a\r\n"), CacheRole::lookup);
    EXPECT_EQ(role("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n"), CacheRole::lookup);
    EXPECT_EQ(role("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n"), CacheRole::pass);
    EXPECT_EQ(role("GET / HTTP/1.1\r\nHost: a\r\nIf-Match: *\r\n"), CacheRole::pass);
    EXPECT_EQ(role("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n"),
              CacheRole::pass);
    EXPECT_EQ(role("OPTIONS * HTTP/1.1\r\nHost: a\r\n"), CacheRole::pass);
}

TEST(CacheRole, whatever_is_not_safe_invalidates) {
    for (const auto* method : {"POST", "PUT", "DELETE", "PATCH", "M-SEARCH"}) {
        EXPECT_EQ(role(std::string(method) + " / HTTP/1.1\r\nHost: a\r\n"), CacheRole::invalidate);
    }
}

TEST(Storing, of_a_part_only_if_one_was_asked_for) {
    const std::string fields = "Cache-Control: max-age=1\r\nContent-Range: bytes 0-1/2\r\n";
    EXPECT_EQ(refusal(fields, "", 206), StoreRefusal::status);
    EXPECT_EQ(refusal(fields, "", 206, PartAsked::yes), StoreRefusal::none);
    EXPECT_EQ(refusal(std::string(k_changed), "", 206, PartAsked::yes), StoreRefusal::none);
    EXPECT_EQ(refusal("Cache-Control: private\r\n", "", 206, PartAsked::yes),
              StoreRefusal::is_private);
    EXPECT_EQ(refusal(fields, "", 304, PartAsked::yes), StoreRefusal::status);
}

TEST(Storing, needs_a_lifetime_or_a_validator) {
    EXPECT_EQ(refusal("Cache-Control: max-age=1\r\n"), StoreRefusal::none);
    EXPECT_EQ(refusal(""), StoreRefusal::stale);
    EXPECT_EQ(refusal("Cache-Control: max-age=0\r\n"), StoreRefusal::stale);
    EXPECT_EQ(refusal("Cache-Control: max-age=0\r\nETag: \"a\"\r\n"), StoreRefusal::none);
    EXPECT_EQ(refusal("ETag: \"a\"\r\n"), StoreRefusal::none);
    EXPECT_EQ(refusal("Cache-Control: no-cache, max-age=9\r\n"), StoreRefusal::stale);
    EXPECT_EQ(refusal("Cache-Control: no-cache\r\nETag: \"a\"\r\n"), StoreRefusal::none);
    EXPECT_EQ(refusal("Cache-Control: max-age=0, stale-while-revalidate=5\r\n"),
              StoreRefusal::none);
}

TEST(Storing, what_forbids_it) {
    EXPECT_EQ(refusal("Cache-Control: no-store, max-age=9\r\n"), StoreRefusal::no_store);
    EXPECT_EQ(refusal("Cache-Control: private, max-age=9\r\n"), StoreRefusal::is_private);
    EXPECT_EQ(refusal("Cache-Control: max-age=9\r\n", "Cache-Control: no-store\r\n"),
              StoreRefusal::no_store);
    EXPECT_EQ(refusal("Cache-Control: max-age=9\r\nVary: *\r\n"), StoreRefusal::vary);
    EXPECT_EQ(refusal("Cache-Control: max-age=9\r\nContent-Range: bytes 0-1/2\r\n", "", 206),
              StoreRefusal::status);
    EXPECT_EQ(refusal("CDN-Cache-Control: no-store\r\nCache-Control: max-age=9\r\n"),
              StoreRefusal::no_store);
    EXPECT_EQ(refusal("CDN-Cache-Control: max-age=9\r\nCache-Control: no-store\r\n"),
              StoreRefusal::none);
}

TEST(Storing, answers_to_credentials_need_a_word) {
    const std::string credentials = "Authorization: Basic eA==\r\n";
    EXPECT_EQ(refusal("Cache-Control: max-age=9\r\n", credentials), StoreRefusal::authorization);
    for (const auto* word : {"public", "must-revalidate", "s-maxage=9"}) {
        EXPECT_EQ(refusal("Cache-Control: max-age=9, " + std::string(word) + "\r\n", credentials),
                  StoreRefusal::none)
            << word;
    }
}

TEST(Storing, what_varies_by_the_word_of_the_edge_fits_no_other_request) {
    const auto by = [](const std::string& name, Identity identity) {
        return refusal("Cache-Control: public, max-age=9\r\nVary: Origin, " + name + "\r\n",
                       "X-Forwarded-User: a\r\nX-Forwarded-For: b\r\n", 200, PartAsked::no,
                       identity);
    };
    for (const auto identity : {Identity::by_head, Identity::vouched, Identity::password}) {
        EXPECT_EQ(by("X-Forwarded-For", identity), StoreRefusal::vary);
        EXPECT_EQ(by("X-Forwarded-Users", identity), StoreRefusal::none);
    }
    EXPECT_EQ(by("x-forwarded-user", Identity::password), StoreRefusal::vary);
    EXPECT_EQ(by("X-Forwarded-User", Identity::vouched), StoreRefusal::none);
    EXPECT_EQ(by("X-Forwarded-User", Identity::by_head), StoreRefusal::none);
}

TEST(Storing, any_status_with_a_lifetime_and_few_without) {
    for (const int status : {200, 204, 299, 302, 404, 499, 500, 503, 599}) {
        EXPECT_EQ(refusal("Cache-Control: max-age=9\r\n", "", status), StoreRefusal::none);
    }
    EXPECT_EQ(refusal(std::string(k_changed), "", 404), StoreRefusal::none);
    EXPECT_EQ(refusal(std::string(k_changed), "", 302), StoreRefusal::status);
    EXPECT_EQ(refusal(std::string(k_changed), "", 502), StoreRefusal::status);
    EXPECT_EQ(refusal("Cache-Control: max-age=9, must-understand\r\n", "", 599),
              StoreRefusal::status);
    EXPECT_EQ(refusal("Cache-Control: max-age=9, must-understand, no-store\r\n"),
              StoreRefusal::none);
}

TEST(Storing, cookies_forbid_only_guesses) {
    EXPECT_EQ(refusal("Cache-Control: max-age=9\r\nSet-Cookie: a=b\r\n"), StoreRefusal::none);
    EXPECT_EQ(refusal("Cache-Control: max-age=9\r\n", "Cookie: a=b\r\n"), StoreRefusal::none);
    // Without a lifetime of its own only what a tag tells apart, and no cookie that it sets.
    const std::string changed(k_changed);
    EXPECT_EQ(refusal(changed), StoreRefusal::none);
    EXPECT_EQ(refusal(changed, "Cookie: a=b\r\n"), StoreRefusal::is_private);
    EXPECT_EQ(refusal(changed + "Cache-Control: public\r\n", "Cookie: a=b\r\n"),
              StoreRefusal::none);
    EXPECT_EQ(refusal(changed + "Cache-Control: no-cache\r\n", "Cookie: a=b\r\n"),
              StoreRefusal::is_private);
    EXPECT_EQ(refusal("ETag: \"e\"\r\n", "Cookie: a=b\r\n"), StoreRefusal::none);
    for (const std::string word :
         {"", "Cache-Control: no-cache\r\n", "Cache-Control: public, max-age=0\r\n"}) {
        EXPECT_EQ(refusal("ETag: \"e\"\r\nSet-Cookie: a=b\r\n" + word), StoreRefusal::is_private);
    }
    const auto asked = parse_request("GET / HTTP/1.1\r\nHost: a\r\nCookie: a=b\r\n\r\n");
    const auto came = parse_response("HTTP/1.1 200 OK\r\n" + std::string(k_changed) + "\r\n");
    EXPECT_EQ(judge_store(asked.head, came.head, {k_now, k_now}, {}).freshness.lifetime_ms, 0);
}

}  // namespace
}  // namespace moln::edge
