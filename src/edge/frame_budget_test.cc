#include "edge/frame_budget.h"

#include <gtest/gtest.h>

namespace moln::edge {
namespace {

using h2::FrameKind;

// How many frames of a kind pass in one moment.
std::int64_t burst(FrameBudget& budget, FrameKind kind, std::size_t bytes, std::int64_t now_ms) {
    std::int64_t count = 0;
    while (count < 1'000'000 && budget.note_frame(kind, bytes, now_ms)) ++count;
    return count;
}

TEST(FrameBudget_control, a_burst_then_as_time_gives) {
    for (const auto kind : {FrameKind::control, FrameKind::invalid}) {
        FrameBudget budget(0);
        EXPECT_EQ(burst(budget, kind, 8, 0), FrameBudget::k_points_max);
        EXPECT_EQ(burst(budget, kind, 8, 1000), FrameBudget::k_points_per_second);
        EXPECT_EQ(burst(budget, kind, 8, 1'000'000), FrameBudget::k_points_max);
    }
}

TEST(FrameBudget_control, time_in_small_steps_earns_as_much) {
    FrameBudget budget(0);
    burst(budget, FrameKind::control, 0, 0);
    std::int64_t passed = 0;
    for (std::int64_t ms = 1; ms <= 1000; ++ms) passed += burst(budget, FrameKind::control, 0, ms);
    EXPECT_EQ(passed, FrameBudget::k_points_per_second);
}

TEST(FrameBudget_data, only_empty_ones_cost) {
    FrameBudget budget(0);
    EXPECT_EQ(burst(budget, FrameKind::data, 1, 0), 1'000'000);
    EXPECT_EQ(burst(budget, FrameKind::data, 0, 0), FrameBudget::k_points_max);
}

TEST(FrameBudget_work, requests_and_bytes_pay_for_frames) {
    FrameBudget budget(0);
    burst(budget, FrameKind::control, 0, 0);
    EXPECT_TRUE(budget.note_frame(FrameKind::headers, 100, 0));
    EXPECT_EQ(burst(budget, FrameKind::invalid, 0, 0), 0);
    budget.note_request();
    EXPECT_EQ(burst(budget, FrameKind::control, 0, 0), FrameBudget::k_points_per_request);
    budget.note_sent(FrameBudget::k_bytes_per_point - 1);
    EXPECT_EQ(burst(budget, FrameKind::control, 0, 0), 0);
    budget.note_sent(1);
    EXPECT_EQ(burst(budget, FrameKind::control, 0, 0), 1);
}

TEST(FrameBudget_resets, only_time_pays_for_them) {
    FrameBudget budget(0);
    std::int64_t resets = 0;
    while (budget.note_frame(FrameKind::reset, 4, 0)) {
        budget.note_request();
        ++resets;
    }
    EXPECT_EQ(resets, FrameBudget::k_resets_max);
    EXPECT_EQ(burst(budget, FrameKind::reset, 4, 1000), FrameBudget::k_resets_per_second);
}

}  // namespace
}  // namespace moln::edge
