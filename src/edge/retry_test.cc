#include "edge/retry.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "edge/limits.h"

namespace moln::edge {
namespace {

using http::Method;

RetryVerdict verdict(FailedAttempt failed) {
    RetryBudget budget;
    return retry_verdict(failed, budget);
}

TEST(RetryVerdict, a_failed_connect_goes_elsewhere_for_every_method) {
    for (const auto method : {Method::get, Method::post, Method::patch, Method::other}) {
        EXPECT_EQ(verdict({.end = AttemptEnd::not_connected, .method = method}),
                  RetryVerdict::other_endpoint);
    }
}

TEST(RetryVerdict, sent_requests_are_repeated_only_when_idempotent) {
    for (const auto end : {AttemptEnd::stale, AttemptEnd::broken}) {
        for (const auto method : {Method::get, Method::head, Method::put, Method::delete_}) {
            EXPECT_NE(verdict({.end = end, .method = method}), RetryVerdict::give_up);
        }
        for (const auto method : {Method::post, Method::patch, Method::other}) {
            EXPECT_EQ(verdict({.end = end, .method = method}), RetryVerdict::give_up);
        }
    }
}

TEST(RetryVerdict, what_an_instance_refused_to_look_at_is_repeated_whatever_it_is) {
    for (const auto mode : {RetryMode::idempotent, RetryMode::all, RetryMode::none}) {
        EXPECT_EQ(verdict({.end = AttemptEnd::refused, .method = Method::post, .mode = mode}),
                  RetryVerdict::any_endpoint);
    }
}

TEST(RetryVerdict, what_an_instance_may_be_at_still_is_not_sent_again) {
    for (const auto mode : {RetryMode::idempotent, RetryMode::all, RetryMode::none}) {
        EXPECT_EQ(verdict({.end = AttemptEnd::timed_out, .method = Method::get, .mode = mode}),
                  RetryVerdict::give_up);
    }
}

TEST(RetryVerdict, the_app_says_which_are_sent_again) {
    EXPECT_EQ(verdict({.end = AttemptEnd::broken, .method = Method::post, .mode = RetryMode::all}),
              RetryVerdict::other_endpoint);
    for (const auto end : {AttemptEnd::stale, AttemptEnd::broken}) {
        EXPECT_EQ(verdict({.end = end, .method = Method::get, .mode = RetryMode::none}),
                  RetryVerdict::give_up);
    }
    EXPECT_EQ(verdict({.end = AttemptEnd::not_connected, .mode = RetryMode::none}),
              RetryVerdict::other_endpoint);
}

TEST(ReplayLimit, what_cannot_be_of_use_is_not_kept_past_memory) {
    const ReplayWish put{.replay = mib(5), .method = Method::put};
    EXPECT_EQ(replay_limit(put), 5u << 20);
    auto wish = put;
    wish.length = 5u << 20;
    EXPECT_EQ(replay_limit(wish), 5u << 20);
    wish.length = (5u << 20) + 1;
    EXPECT_EQ(replay_limit(wish), k_replay_memory_max);
    wish = put;
    wish.method = Method::post;
    EXPECT_EQ(replay_limit(wish), k_replay_memory_max);
    wish.mode = RetryMode::all;
    EXPECT_EQ(replay_limit(wish), 5u << 20);
    wish = put;
    wish.mode = RetryMode::none;
    EXPECT_EQ(replay_limit(wish), k_replay_memory_max);
    wish = put;
    wish.replay = Bytes{0};
    EXPECT_EQ(replay_limit(wish), k_replay_memory_max);
}

TEST(RetryVerdict, a_body_that_is_gone_or_a_response_begun_ends_it) {
    EXPECT_EQ(verdict({.end = AttemptEnd::broken, .body_replayable = false}),
              RetryVerdict::give_up);
    EXPECT_EQ(verdict({.end = AttemptEnd::response_begun}), RetryVerdict::give_up);
}

TEST(RetryVerdict, attempts_end_at_the_limit) {
    const FailedAttempt before{.end = AttemptEnd::not_connected, .attempts = k_attempts_max - 1};
    const FailedAttempt at{.end = AttemptEnd::not_connected, .attempts = k_attempts_max};
    EXPECT_EQ(verdict(before), RetryVerdict::other_endpoint);
    EXPECT_EQ(verdict(at), RetryVerdict::give_up);
}

TEST(RetryBudget, repeats_never_pass_a_fifth_of_the_requests_and_what_was_saved) {
    EXPECT_TRUE(rc::check("budget", [](std::vector<bool> is_request) {
        RetryBudget budget;
        std::uint64_t requests = 0;
        std::uint64_t repeats = 0;
        for (const bool request : is_request) {
            if (request) {
                budget.note_request();
                ++requests;
            } else if (budget.spend()) {
                ++repeats;
            }
        }
        RC_ASSERT(repeats * RetryBudget::k_cost <= requests + RetryBudget::k_saved_first);
    }));
}

TEST(RetryBudget, savings_are_bounded) {
    RetryBudget budget;
    for (std::uint32_t i = 0; i < 10 * RetryBudget::k_saved_max; ++i) budget.note_request();
    std::uint32_t repeats = 0;
    while (budget.spend()) ++repeats;
    EXPECT_EQ(repeats, RetryBudget::k_saved_max / RetryBudget::k_cost);
}

}  // namespace
}  // namespace moln::edge
