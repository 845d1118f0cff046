#include "edge/ejection.h"

#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace moln::edge {
namespace {

constexpr AppShare k_room{.active = 4, .ejected = 0};

Ejection ejected_once(MonoTime now) {
    Ejection ejection;
    for (std::uint32_t i = 0; i < k_eject_after_failures; ++i) note_failure(ejection, k_room, now);
    return ejection;
}

TEST(Ejection, comes_at_the_limit_and_not_one_before) {
    Ejection ejection;
    for (std::uint32_t i = 1; i < k_eject_after_failures; ++i) {
        EXPECT_FALSE(note_failure(ejection, k_room, {}));
    }
    EXPECT_TRUE(note_failure(ejection, k_room, {}));
    EXPECT_TRUE(ejection.ejected);
}

TEST(Ejection, a_success_between_failures_starts_the_count_anew) {
    Ejection ejection;
    for (int i = 0; i < 100; ++i) {
        EXPECT_FALSE(note_failure(ejection, k_room, {}));
        EXPECT_FALSE(note_failure(ejection, k_room, {}));
        note_success(ejection);
    }
}

TEST(Ejection, grows_while_failures_go_on_and_has_an_end) {
    MonoTime now{1000};
    Ejection ejection = ejected_once(now);
    std::int64_t previous = 0;
    for (int i = 0; i < 20; ++i) {
        const auto length = ejection.until.ms - now.ms;
        EXPECT_GE(length, previous);
        EXPECT_LE(length, k_ejection_longest.count);
        previous = length;
        now = ejection.until;
        EXPECT_FALSE(readmit_if_due(ejection, MonoTime{now.ms - 1}));
        EXPECT_TRUE(readmit_if_due(ejection, now));
        EXPECT_TRUE(note_failure(ejection, k_room, now));  // on trial: one is enough
    }
    EXPECT_EQ(previous, k_ejection_longest.count);
}

TEST(Ejection, success_after_readmission_forgives_all) {
    Ejection ejection = ejected_once({});
    readmit_if_due(ejection, ejection.until);
    note_success(ejection);
    EXPECT_EQ(ejection.times, 0U);
    EXPECT_EQ(ejection.failures_in_row, 0U);
}

TEST(Ejection, the_share_is_never_passed_whatever_fails) {
    EXPECT_TRUE(rc::check("share", [] {
        const auto active = *rc::gen::inRange<std::size_t>(1, 12);
        const auto failures =
            *rc::gen::container<std::vector<std::size_t>>(rc::gen::inRange<std::size_t>(0, active));
        std::vector<Ejection> endpoints(active);
        std::size_t ejected = 0;
        for (const auto i : failures) {
            ejected += note_failure(endpoints[i], {active, ejected}, {}) ? 1 : 0;
        }
        RC_ASSERT(ejected * 2 <= active);
    }));
}

TEST(EjectedMax, a_single_endpoint_is_never_ejected) {
    EXPECT_EQ(ejected_max(1), 0U);
    EXPECT_EQ(ejected_max(2), 1U);
    EXPECT_EQ(ejected_max(3), 1U);
}

}  // namespace
}  // namespace moln::edge
