// Ages and lifetimes.
#include "edge/cache/freshness.h"

#include <string>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "http/date.h"
#include "http/head_testing.h"

namespace moln::edge {
namespace {

using http::testing::parse_response;

constexpr WallTime k_now{1'763'800'000'000};

std::string date(std::int64_t offset_s) {
    std::array<char, http::k_date_bytes> out;
    http::format_date(k_now + seconds(offset_s), out);
    return {out.data(), out.size()};
}

struct Given {
    std::string fields;
    int status = 200;
    CacheSpec rules = {};
    Personal personal = Personal::no;
    ResponseTimes times{k_now, k_now};
};

Freshness of(const Given& given) {
    const auto parsed = parse_response("HTTP/1.1 " + std::to_string(given.status) + " X\r\n" +
                                       given.fields + "\r\n");
    EXPECT_EQ(parsed.result.progress, http::Progress::done) << given.fields;
    return freshness_of(parsed.head, orders_of(parsed.head.fields), given.times, given.rules,
                        given.personal);
}
std::int64_t lifetime_s(const Given& given) {
    return of(given).lifetime_ms / 1000;
}
std::int64_t age_s(const Given& given) {
    return of(given).age_ms / 1000;
}

TEST(Lifetime, the_most_special_word_counts) {
    const std::string expires = "Expires: " + date(30) + "\r\nDate: " + date(0) + "\r\n";
    EXPECT_EQ(lifetime_s({expires}), 30);
    EXPECT_EQ(lifetime_s({expires + "Cache-Control: max-age=20\r\n"}), 20);
    EXPECT_EQ(lifetime_s({expires + "Cache-Control: max-age=20, s-maxage=10\r\n"}), 10);
    EXPECT_EQ(lifetime_s({expires + "Cache-Control: s-maxage=10\r\n"
                                    "Surrogate-Control: max-age=7\r\n"}),
              7);
    EXPECT_EQ(lifetime_s({expires + "Cache-Control: s-maxage=10\r\n"
                                    "Surrogate-Control: max-age=7\r\n"
                                    "CDN-Cache-Control: max-age=5\r\n"}),
              5);
}

TEST(Lifetime, a_targeted_field_stands_for_all_others) {
    const std::string others =
        "Cache-Control: max-age=20, no-cache\r\nExpires: " + date(30) + "\r\n";
    const auto freshness = of({others + "CDN-Cache-Control: must-revalidate\r\n"});
    EXPECT_EQ(freshness.lifetime_ms, 0);
    EXPECT_FALSE(freshness.always_validate);
    EXPECT_FALSE(freshness.said);
    EXPECT_EQ(lifetime_s({others + "CDN-Cache-Control: max-age=1,\r\n"}), 20) << "broken: absent";
}

TEST(Lifetime, expires_that_is_no_date_or_there_twice_has_passed) {
    EXPECT_EQ(lifetime_s({"Expires: 0\r\n"}), 0);
    EXPECT_TRUE(of({"Expires: 0\r\n"}).said);
    EXPECT_EQ(lifetime_s({"Expires: " + date(9) + "\r\nExpires: " + date(9) + "\r\n"}), 0);
    EXPECT_EQ(lifetime_s({"Expires: " + date(-9) + "\r\n"}), 0);
}

TEST(Lifetime, expires_counts_from_the_responses_date) {
    EXPECT_EQ(lifetime_s({"Expires: " + date(100) + "\r\nDate: " + date(90) + "\r\n"}), 10);
    EXPECT_EQ(lifetime_s({"Expires: " + date(100) + "\r\nDate: foo\r\n"}), 100);
}

TEST(Lifetime, is_guessed_only_where_a_response_may_be_stored_unsaid) {
    const std::string changed = "Last-Modified: " + date(-1000) + "\r\nDate: " + date(0) + "\r\n";
    for (const int status : {200, 203, 204, 404, 405, 410, 414, 501}) {
        EXPECT_EQ(lifetime_s({changed, status}), 100) << status;
    }
    for (const int status : {201, 202, 302, 403, 500, 502, 503, 504, 599}) {
        EXPECT_EQ(lifetime_s({changed, status}), 0) << status;
    }
    EXPECT_EQ(lifetime_s({changed + "Cache-Control: public\r\n", 599}), 100);
    EXPECT_EQ(lifetime_s({"Date: " + date(0) + "\r\n"}), 0);
}

TEST(Lifetime, is_never_guessed_for_what_may_be_personal) {
    const std::string changed = "Last-Modified: " + date(-1000) + "\r\n";
    EXPECT_EQ(lifetime_s({changed, 200, {}, Personal::yes}), 0);
    EXPECT_EQ(lifetime_s({"", 200, {.ttl = seconds(5)}, Personal::yes}), 0);
    EXPECT_EQ(lifetime_s({"Cache-Control: max-age=9\r\n", 200, {}, Personal::yes}), 9);
}

TEST(Lifetime, guessed_has_a_day_as_its_limit) {
    EXPECT_EQ(lifetime_s({"Last-Modified: " + date(-864'000) + "\r\n"}), 86'400);
    EXPECT_EQ(lifetime_s({"Last-Modified: " + date(-864'020) + "\r\n"}), 86'400);
    EXPECT_EQ(lifetime_s({"Last-Modified: " + date(-863'980) + "\r\n"}), 86'398);
}

TEST(Lifetime, a_routes_ttl_is_for_what_says_nothing) {
    const CacheSpec rules{.ttl = seconds(60)};
    EXPECT_EQ(lifetime_s({"", 200, rules}), 60);
    EXPECT_EQ(lifetime_s({"Cache-Control: max-age=5\r\n", 200, rules}), 5);
    EXPECT_EQ(lifetime_s({"", 500, rules}), 0);
}

TEST(Age, is_the_greatest_of_what_can_be_known) {
    EXPECT_EQ(age_s({""}), 0);
    EXPECT_EQ(age_s({"Age: 100\r\n"}), 100);
    EXPECT_EQ(age_s({"Date: " + date(-50) + "\r\n"}), 50);
    EXPECT_EQ(age_s({"Date: " + date(-50) + "\r\nAge: 20\r\n"}), 50);
    EXPECT_EQ(age_s({"Date: " + date(50) + "\r\n"}), 0) << "a clock that runs ahead";
    EXPECT_EQ(age_s({.fields = "Age: 100\r\n", .times = {k_now, k_now + seconds(3)}}), 103);
}

TEST(Age, within_one_second_is_none) {
    // Date has whole seconds: what was made in this second is new.
    EXPECT_EQ(of({.fields = "Date: " + date(0) + "\r\n",
                  .times = {k_now + Milliseconds{999}, k_now + Milliseconds{999}}})
                  .age_ms,
              0);
}

TEST(Age, that_is_none_or_there_twice_is_old) {
    for (const auto* age :
         {"abc", "-7200", "7200.0", "old, 0", "0, 0", "7, 7", "1;a=b", "", ", 1"}) {
        EXPECT_GT(age_s({"Age: " + std::string(age) + "\r\n"}), 1'000'000'000) << age;
    }
    EXPECT_GT(age_s({"Age: 0\r\nAge: 0\r\n"}), 1'000'000'000);
    EXPECT_EQ(age_s({"Age: 5, 7200\r\n"}), 5) << "RFC 9111 5.1";
}

TEST(Stale, windows_are_the_responses_or_the_routes) {
    const CacheSpec rules{.stale_while_revalidate = seconds(7), .stale_if_error = seconds(8)};
    auto freshness = of({"Cache-Control: max-age=1\r\n", 200, rules});
    EXPECT_EQ(freshness.revalidate_ms, 7000);
    EXPECT_EQ(freshness.error_ms, 8000);
    freshness = of(
        {"Cache-Control: max-age=1, stale-while-revalidate=2, stale-if-error=3\r\n", 200, rules});
    EXPECT_EQ(freshness.revalidate_ms, 2000);
    EXPECT_EQ(freshness.error_ms, 3000);
}

TEST(Stale, is_forbidden_by_who_says_so) {
    const CacheSpec rules{.stale_while_revalidate = seconds(7), .stale_if_error = seconds(8)};
    for (const auto* word : {"must-revalidate", "proxy-revalidate", "no-cache", "s-maxage=1"}) {
        const auto freshness =
            of({"Cache-Control: max-age=1, " + std::string(word) + "\r\n", 200, rules});
        EXPECT_TRUE(freshness.never_stale) << word;
        EXPECT_EQ(freshness.revalidate_ms + freshness.error_ms, 0) << word;
    }
    EXPECT_EQ(of({"Cache-Control: s-maxage=1, stale-if-error=3\r\n"}).error_ms, 3000);
}

RC_GTEST_PROP(FreshnessProperty, no_response_makes_times_that_run_over, ()) {
    const auto number = [] { return std::to_string(*rc::gen::arbitrary<std::uint64_t>()); };
    const auto freshness =
        of({"Cache-Control: max-age=" + number() + ", stale-if-error=" + number() +
            ", stale-while-revalidate=" + number() + "\r\nAge: " + number() + "\r\n"});
    constexpr std::int64_t k_most = 2LL * http::k_delta_seconds_max * 1000;
    for (const auto one :
         {freshness.age_ms, freshness.lifetime_ms, freshness.revalidate_ms, freshness.error_ms}) {
        RC_ASSERT(one >= 0);
        RC_ASSERT(one <= k_most);
    }
}

}  // namespace
}  // namespace moln::edge
