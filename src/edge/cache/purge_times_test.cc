#include "edge/cache/purge_times.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

namespace moln::edge {
namespace {

TEST(PurgeTimes, what_came_after_every_purge_is_of_no_generation_before) {
    PurgeTimes times;
    EXPECT_EQ(times.generation_at(0), std::nullopt);
    times.note(7, 100);
    EXPECT_EQ(times.generation_at(99), 7u);
    EXPECT_EQ(times.generation_at(100), 7u) << "it may have come just before";
    EXPECT_EQ(times.generation_at(101), std::nullopt);
}

TEST(PurgeTimes, purges_of_an_earlier_book_that_are_read_late_are_of_all_that_came_before) {
    PurgeTimes times;
    times.note(7, 100);
    times.note(8, 200);
    times.note(0, 300);
    times.note(9, 400);
    for (const std::int64_t born : {50, 150, 250}) EXPECT_EQ(times.generation_at(born), 0u);
    EXPECT_EQ(times.generation_at(350), 9u);
}

TEST(PurgeTimes, one_more_than_are_remembered_makes_the_oldest_stand_for_all_before) {
    PurgeTimes times;
    for (std::size_t i = 0; i < k_purge_times_max; ++i) {
        times.note(10 + i, static_cast<std::int64_t>(i) * 10);
    }
    EXPECT_EQ(times.generation_at(-1), 10u);
    times.note(10 + k_purge_times_max, static_cast<std::int64_t>(k_purge_times_max) * 10);
    EXPECT_EQ(times.generation_at(-1), 0u);
    EXPECT_EQ(times.generation_at(10), 0u);
    EXPECT_EQ(times.generation_at(11), 12u);
}

// However many are forgotten: no purge that was made later than something came is left out.
RC_GTEST_PROP(PurgeTimes, never_give_a_generation_after_the_one_it_was_born_in, ()) {
    PurgeTimes times;
    std::vector<std::int64_t> made;
    std::int64_t now = 0;
    const auto count = *rc::gen::inRange(0, static_cast<int>(k_purge_times_max) * 2);
    for (int i = 0; i < count; ++i) {
        now += *rc::gen::inRange(0, 3);
        times.note(static_cast<std::uint64_t>(i), now);
        made.push_back(now);
    }
    const auto born = *rc::gen::inRange<std::int64_t>(-1, now + 2);
    const auto first = std::ranges::lower_bound(made, born);
    const auto said = times.generation_at(born);
    if (first == made.end()) {
        RC_ASSERT(!said);
    } else {
        RC_ASSERT(said.has_value());
        RC_ASSERT(*said <= static_cast<std::uint64_t>(first - made.begin()));
    }
}

}  // namespace
}  // namespace moln::edge
