#include "edge/tracing.h"

#include <array>
#include <cstdint>
#include <map>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace moln::edge {
namespace {

constexpr std::array<std::uint8_t, 8> k_random = {1, 2, 3, 4, 5, 6, 7, 8};

http::TraceContext context(bool continued, std::uint8_t flags) {
    http::TraceContext trace;
    trace.trace_id.fill(0x11);
    trace.parent_id.fill(0x22);
    trace.flags = flags;
    trace.continued = continued;
    return trace;
}

std::array<std::uint8_t, 16> id_of(std::uint64_t last) {
    std::array<std::uint8_t, 16> id{0xff, 0xff};
    for (std::size_t i = 0; i < 8; ++i) id[15 - i] = static_cast<std::uint8_t>(last >> (8 * i));
    return id;
}

TEST(SampleShare, none_and_all_are_exact) {
    EXPECT_TRUE(rc::check("by any id", [](std::uint64_t last) {
        RC_ASSERT(!SampleShare(0).has(id_of(last)));
        RC_ASSERT(!SampleShare(-1).has(id_of(last)));
        RC_ASSERT(SampleShare(1).has(id_of(last)));
        RC_ASSERT(SampleShare(7).has(id_of(last)));
    }));
}

TEST(SampleShare, the_last_seven_bytes_decide) {
    constexpr std::uint64_t k_half = 1ULL << 55;
    EXPECT_TRUE(SampleShare(0.5).has(id_of(k_half - 1)));
    EXPECT_FALSE(SampleShare(0.5).has(id_of(k_half)));
    EXPECT_TRUE(SampleShare(0.5).has(id_of((0xabULL << 56) | (k_half - 1))));
}

TEST(SampleShare, who_is_in_a_share_is_in_every_larger_one) {
    EXPECT_TRUE(rc::check("nested", [](std::uint64_t last) {
        const auto one = *rc::gen::inRange(0, 1001);
        const auto other = *rc::gen::inRange(one, 1001);
        if (SampleShare(one / 1000.0).has(id_of(last))) {
            RC_ASSERT(SampleShare(other / 1000.0).has(id_of(last)));
        }
    }));
}

TEST(SpanBudget, a_second_has_so_many_and_not_one_more) {
    SpanBudget budget(3);
    for (int second = 5; second < 8; ++second) {
        for (int i = 0; i < 3; ++i) EXPECT_TRUE(budget.take(second * 1000 + i));
        EXPECT_FALSE(budget.take(second * 1000 + 999));
    }
}

TEST(SpanBudget, no_second_has_more_than_its_share) {
    EXPECT_TRUE(rc::check("bound", [](const std::vector<std::uint8_t>& pauses) {
        SpanBudget budget(4);
        std::int64_t now_ms = 0;
        std::map<std::int64_t, int> taken;
        for (const auto pause : pauses) {
            now_ms += pause;
            if (budget.take(now_ms)) ++taken[now_ms / 1000];
        }
        for (const auto& [second, count] : taken) RC_ASSERT(count <= 4);
    }));
}

TEST(ChooseTrace, a_sampled_trace_of_a_client_gets_a_span_between_it_and_the_instance) {
    SpanBudget budget(1);
    const auto received = context(true, http::k_trace_sampled);
    const auto choice = choose_trace(received, k_random, SampleShare(0), budget, 0);
    EXPECT_TRUE(choice.recorded);
    EXPECT_EQ(choice.caller_span, received.parent_id);
    EXPECT_EQ(choice.sent.trace_id, received.trace_id);
    EXPECT_EQ(choice.sent.parent_id, k_random);
    EXPECT_TRUE(choice.sent.sampled());
    EXPECT_TRUE(choice.sent.continued);
}

TEST(ChooseTrace, what_a_client_does_not_sample_is_passed_on_as_it_came) {
    SpanBudget budget(1);
    const auto received = context(true, 0);
    const auto choice = choose_trace(received, k_random, SampleShare(1), budget, 0);
    EXPECT_FALSE(choice.recorded);
    EXPECT_FALSE(choice.over_budget);
    EXPECT_EQ(choice.sent, received);
}

TEST(ChooseTrace, of_traces_that_begin_here_the_share_decides) {
    SpanBudget budget(1);
    const auto none = choose_trace(context(false, 0), k_random, SampleShare(0), budget, 0);
    EXPECT_FALSE(none.recorded);
    EXPECT_FALSE(none.sent.sampled());
    const auto all = choose_trace(context(false, 0), k_random, SampleShare(1), budget, 0);
    EXPECT_TRUE(all.recorded);
    EXPECT_TRUE(all.sent.sampled());
    EXPECT_EQ(all.sent.parent_id, k_random);
    EXPECT_EQ(all.caller_span, (std::array<std::uint8_t, 8>{}));
}

TEST(ChooseTrace, over_the_budget_no_trace_gets_a_hole) {
    SpanBudget budget(0);
    const auto received = context(true, http::k_trace_sampled);
    const auto continued = choose_trace(received, k_random, SampleShare(1), budget, 0);
    EXPECT_TRUE(continued.over_budget);
    EXPECT_FALSE(continued.recorded);
    EXPECT_EQ(continued.sent, received);  // still sampled, with the client's span as its parent
    const auto begun = choose_trace(context(false, 0), k_random, SampleShare(1), budget, 0);
    EXPECT_TRUE(begun.over_budget);
    EXPECT_FALSE(begun.sent.sampled());
}

}  // namespace
}  // namespace moln::edge
