#include "edge/balance.h"

#include <algorithm>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace moln::edge {
namespace {

TEST(LeastLoaded, nobody_eligible_is_nobody) {
    EXPECT_FALSE(least_loaded({}, 3));
    const std::vector<std::uint32_t> loads(4, k_not_eligible);
    EXPECT_FALSE(least_loaded(loads, 3));
}

TEST(LeastLoaded, ties_rotate_over_all) {
    const std::vector<std::uint32_t> loads = {0, k_not_eligible, 0, 7, 0};
    std::vector<std::size_t> order;
    std::size_t turn = 0;
    for (int i = 0; i < 6; ++i) {
        order.push_back(*least_loaded(loads, turn));
        turn = order.back() + 1;
    }
    EXPECT_EQ(order, (std::vector<std::size_t>{0, 2, 4, 0, 2, 4}));
}

TEST(LeastLoaded, is_always_a_minimum) {
    EXPECT_TRUE(rc::check("minimum", [](std::vector<std::uint32_t> loads, std::uint32_t turn) {
        const auto found = least_loaded(loads, turn);
        const bool any = std::ranges::any_of(loads, [](auto n) { return n != k_not_eligible; });
        RC_ASSERT(found.has_value() == any);
        if (found) RC_ASSERT(loads[*found] == *std::ranges::min_element(loads));
    }));
}

TEST(LeastLoaded, steady_requests_spread_evenly) {
    EXPECT_TRUE(rc::check("even", [] {
        const auto count = *rc::gen::inRange<std::size_t>(1, 20);
        const auto requests = *rc::gen::inRange<std::size_t>(0, 200);
        std::vector<std::uint32_t> loads(count, 0);
        std::size_t turn = 0;
        for (std::size_t i = 0; i < requests; ++i) {
            const auto found = *least_loaded(loads, turn);
            ++loads[found];
            turn = found + 1;
        }
        const auto [low, high] = std::ranges::minmax_element(loads);
        RC_ASSERT(*high - *low <= 1U);
    }));
}

TEST(Rendezvous, one_that_goes_takes_only_its_own_keys_along) {
    EXPECT_TRUE(rc::check("moves", [] {
        const auto best = [](std::uint64_t key, std::uint64_t count, std::uint64_t without) {
            std::uint64_t found = 0;
            std::uint64_t highest = 0;
            for (std::uint64_t i = 1; i <= count; ++i) {
                if (i == without || rendezvous_score(key, i) < highest) continue;
                highest = rendezvous_score(key, i);
                found = i;
            }
            return found;
        };
        const auto key = *rc::gen::arbitrary<std::uint64_t>();
        const auto gone = *rc::gen::inRange<std::uint64_t>(1, 9);
        const auto before = best(key, 8, 0);
        if (before != gone) RC_ASSERT(best(key, 8, gone) == before);
    }));
}

TEST(Rendezvous, spreads_keys) {
    std::vector<int> counts(8);
    for (std::uint64_t key = 0; key < 8000; ++key) {
        std::size_t best = 0;
        for (std::size_t i = 1; i < counts.size(); ++i) {
            if (rendezvous_score(key, i) > rendezvous_score(key, best)) best = i;
        }
        ++counts[best];
    }
    for (const int count : counts) EXPECT_NEAR(count, 1000, 150);
}

TEST(SlowStart, grows_to_the_whole) {
    EXPECT_DOUBLE_EQ(slow_start_share({0}, seconds(10)), 0.05);
    EXPECT_DOUBLE_EQ(slow_start_share({-5}, seconds(10)), 0.05);
    EXPECT_DOUBLE_EQ(slow_start_share(seconds(5), seconds(10)), 0.5);
    EXPECT_DOUBLE_EQ(slow_start_share(seconds(10), seconds(10)), 1);
    EXPECT_DOUBLE_EQ(slow_start_share({0}, {0}), 1);
}

}  // namespace
}  // namespace moln::edge
