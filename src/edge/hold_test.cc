#include "edge/hold.h"

#include <gtest/gtest.h>

#include "edge/limits.h"

namespace moln::edge {
namespace {

TEST(HoldVerdict, waits_up_to_the_limit_and_refuses_one_past_it) {
    HoldQuestion question{.hold = true, .held = 3, .held_max = 4};
    EXPECT_EQ(hold_verdict(question), HoldVerdict::wait);
    question.held = 4;
    EXPECT_EQ(hold_verdict(question), HoldVerdict::queue_full);
}

TEST(HoldVerdict, without_hold_only_an_unreachable_instance_is_waited_for) {
    HoldQuestion question{.hold = false, .held = 0, .held_max = 4};
    EXPECT_EQ(hold_verdict(question), HoldVerdict::no_instance);
    question.cause = HoldCause::unreachable;
    EXPECT_EQ(hold_verdict(question), HoldVerdict::wait);
    question.held = 4;
    EXPECT_EQ(hold_verdict(question), HoldVerdict::no_instance);
}

TEST(HoldVerdict, a_limit_of_zero_holds_nothing) {
    EXPECT_EQ(hold_verdict({.hold = true, .held = 0, .held_max = 0}), HoldVerdict::queue_full);
}

TEST(HoldLimit, is_short_when_nobody_promised_an_instance) {
    constexpr auto k_unreachable = HoldCause::unreachable;
    EXPECT_EQ(hold_limit(true, k_unreachable, seconds(60)), seconds(60));
    EXPECT_EQ(hold_limit(false, k_unreachable, seconds(60)), k_unreachable_hold_limit);
    EXPECT_EQ(hold_limit(false, k_unreachable, Milliseconds{5}), Milliseconds{5});
    EXPECT_EQ(hold_limit(false, HoldCause::busy, seconds(60)), seconds(60));
}

TEST(HoldUntil, follows_the_reason_of_now_and_the_app_in_all) {
    const auto until = [](bool hold, HoldCause cause, std::int64_t cause_ms) {
        return hold_until_ms(hold, cause, seconds(60), {.first_ms = 1000, .cause_ms = cause_ms});
    };
    const std::int64_t all = 1000 + seconds(60).count;
    const std::int64_t moment = k_unreachable_hold_limit.count;
    EXPECT_EQ(until(false, HoldCause::unreachable, 1000), 1000 + moment);
    EXPECT_EQ(until(false, HoldCause::busy, 1500), all);
    EXPECT_EQ(until(false, HoldCause::unreachable, 30'000), 30'000 + moment);
    EXPECT_EQ(until(false, HoldCause::unreachable, all - 1), all);
    EXPECT_EQ(until(true, HoldCause::unreachable, 1500), all);
    EXPECT_EQ(until(true, HoldCause::none_ready, 1500), all);
}

TEST(HoldVerdict, the_busy_are_waited_for_within_the_queue) {
    const auto verdict = [](std::int64_t held) {
        return hold_verdict(
            {.hold = false, .cause = HoldCause::busy, .held = held, .held_max = 10});
    };
    EXPECT_EQ(verdict(9), HoldVerdict::wait);
    EXPECT_EQ(verdict(10), HoldVerdict::queue_full);
}

TEST(HoldRelease, grows_with_the_endpoints) {
    EXPECT_EQ(hold_release(0), 0U);
    EXPECT_EQ(hold_release(3), 3U * k_hold_release_batch);
}

TEST(HoldExplain, every_verdict_says_what_to_do) {
    for (const auto verdict :
         {HoldVerdict::wait, HoldVerdict::no_instance, HoldVerdict::queue_full}) {
        for (const auto cause : {HoldCause::none_ready, HoldCause::unreachable, HoldCause::busy}) {
            EXPECT_NE(explain(verdict, cause).find("try again"), std::string_view::npos);
        }
    }
}

}  // namespace
}  // namespace moln::edge
