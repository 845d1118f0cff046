// When a stored response answers.
#include "edge/cache/reuse.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "http/fields_testing.h"

namespace moln::edge {
namespace {

using http::CacheForward;

ReuseWish wish(std::string_view cache_control) {
    http::FieldsOf fields;
    if (!cache_control.empty()) fields.add("Cache-Control", cache_control);
    return reuse_wish(fields.table());
}

Reuse reuse(const Freshness& stored, std::int64_t since_ms, std::string_view asked = "") {
    return judge_reuse(stored, since_ms, wish(asked)).reuse;
}

TEST(Reuse, is_fresh_to_its_lifetime_and_not_at_it) {
    const Freshness stored{.age_ms = 200, .lifetime_ms = 1000};
    EXPECT_EQ(reuse(stored, 0), Reuse::fresh);
    EXPECT_EQ(reuse(stored, 799), Reuse::fresh);
    EXPECT_EQ(reuse(stored, 800), Reuse::validate);
    EXPECT_EQ(judge_reuse(stored, 800, wish("")).why, CacheForward::stale);
}

TEST(Reuse, stale_is_served_while_it_is_asked_for_anew_as_long_as_the_window_is) {
    const Freshness stored{.lifetime_ms = 1000, .revalidate_ms = 500};
    EXPECT_EQ(reuse(stored, 999), Reuse::fresh);
    EXPECT_EQ(reuse(stored, 1000), Reuse::refresh);
    EXPECT_EQ(reuse(stored, 1499), Reuse::refresh);
    EXPECT_EQ(reuse(stored, 1500), Reuse::validate);
}

TEST(Reuse, no_cache_is_asked_for_every_time) {
    EXPECT_EQ(reuse({.lifetime_ms = 1000, .always_validate = true}, 0), Reuse::validate);
}

TEST(Reuse, a_request_may_want_it_fresher) {
    const Freshness stored{.age_ms = 5000, .lifetime_ms = 60'000};
    EXPECT_EQ(reuse(stored, 0, "max-age=5"), Reuse::fresh);
    EXPECT_EQ(reuse(stored, 1, "max-age=5"), Reuse::validate);
    EXPECT_EQ(reuse({.lifetime_ms = 60'000}, 0, "max-age=0"), Reuse::validate);
    EXPECT_EQ(reuse(stored, 0, "min-fresh=55"), Reuse::fresh);
    EXPECT_EQ(reuse(stored, 1, "min-fresh=55"), Reuse::validate);
    EXPECT_EQ(reuse(stored, 0, "no-cache"), Reuse::validate);
    EXPECT_EQ(judge_reuse(stored, 0, wish("no-cache")).why, CacheForward::request);
}

TEST(Reuse, a_request_may_take_it_staler_unless_the_response_forbids) {
    Freshness stored{.lifetime_ms = 1000};
    EXPECT_EQ(reuse(stored, 3000, "max-stale=2"), Reuse::fresh);
    EXPECT_EQ(reuse(stored, 3001, "max-stale=2"), Reuse::validate);
    EXPECT_EQ(reuse(stored, 999'000, "max-stale"), Reuse::fresh);
    stored.never_stale = true;
    EXPECT_EQ(reuse(stored, 3000, "max-stale=2"), Reuse::validate);
}

TEST(Reuse, pragma_counts_without_cache_control) {
    http::FieldsOf alone;
    EXPECT_TRUE(reuse_wish(alone.add("Pragma", "x, No-Cache").table()).control.no_cache);
    http::FieldsOf beside;
    beside.add("Pragma", "no-cache").add("Cache-Control", "max-age=5");
    EXPECT_FALSE(reuse_wish(beside.table()).control.no_cache);
}

TEST(Reuse, after_an_error_stale_is_served_within_its_window) {
    Freshness stored{.lifetime_ms = 1000, .error_ms = 500};
    EXPECT_TRUE(serves_on_error(stored, 1499, wish("")));
    EXPECT_FALSE(serves_on_error(stored, 1500, wish("")));
    EXPECT_TRUE(serves_on_error(stored, 2999, wish("stale-if-error=2")));
    EXPECT_FALSE(serves_on_error(stored, 1100, wish("no-cache")));
    stored.never_stale = true;
    EXPECT_FALSE(serves_on_error(stored, 1100, wish("stale-if-error=2")));
}

RC_GTEST_PROP(ReuseProperty, who_wants_it_fresher_is_never_given_what_another_is_not, ()) {
    const Freshness stored{.age_ms = *rc::gen::inRange<std::int64_t>(0, 100'000),
                           .lifetime_ms = *rc::gen::inRange<std::int64_t>(0, 100'000),
                           .revalidate_ms = *rc::gen::inRange<std::int64_t>(0, 100'000),
                           .never_stale = *rc::gen::arbitrary<bool>()};
    const auto since = *rc::gen::inRange<std::int64_t>(0, 100'000);
    const auto number = std::to_string(*rc::gen::inRange(0, 100));
    const bool plain = reuse(stored, since) == Reuse::validate;
    for (const std::string word : {"max-age=", "min-fresh=", "no-cache="}) {
        const bool picky = reuse(stored, since, word + number) == Reuse::validate;
        RC_ASSERT(picky || !plain);
    }
    const bool lax = reuse(stored, since, "max-stale=" + number) == Reuse::validate;
    RC_ASSERT(plain || !lax);
}

}  // namespace
}  // namespace moln::edge
