#include "edge/rate.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace moln::edge {
namespace {

constexpr std::int64_t k_second = 1'000'000'000;

std::int64_t passed(const RateRule& rule, std::int64_t from, std::int64_t to, std::int64_t step,
                    std::int64_t* due) {
    std::int64_t count = 0;
    for (std::int64_t now = from; now < to; now += step) {
        const auto verdict = rate_verdict(rule, *due, now);
        if (verdict.wait_ns != 0) continue;
        *due = verdict.due_ns;
        ++count;
    }
    return count;
}

TEST(Rate, lets_a_burst_in_and_then_as_many_as_it_says) {
    const auto rule = rate_rule({.requests = 10, .window = seconds(1), .burst = 30});
    std::int64_t due = 0;
    for (int i = 0; i < 30; ++i) {
        const auto verdict = rate_verdict(rule, due, k_second);
        ASSERT_EQ(verdict.wait_ns, 0) << i;
        due = verdict.due_ns;
    }
    EXPECT_EQ(rate_verdict(rule, due, k_second).wait_ns, k_second / 10);
    EXPECT_EQ(rate_verdict(rule, due, k_second).due_ns, due);
    EXPECT_EQ(passed(rule, k_second, 2 * k_second, k_second / 1000, &due), 9);
    EXPECT_EQ(passed(rule, 2 * k_second, 3 * k_second, k_second / 1000, &due), 10);
}

TEST(Rate, forgets_what_lies_long_ago) {
    const auto rule = rate_rule({.requests = 5, .window = seconds(1), .burst = 0});
    std::int64_t due = 0;
    EXPECT_EQ(passed(rule, 0, 1000, 1, &due), 5);
    EXPECT_EQ(passed(rule, 10 * k_second, 10 * k_second + 1000, 1, &due), 5);
}

TEST(Rate, of_the_most_and_the_least_does_not_overflow) {
    const auto slow =
        rate_rule({.requests = 1, .window = k_rate_window_max, .burst = k_rate_requests_max});
    EXPECT_EQ(rate_verdict(slow, 0, 1).wait_ns, 0);
    EXPECT_GT(slow.tolerance_ns, 0);
    const auto fast = rate_rule({.requests = k_rate_requests_max, .window = {1}, .burst = 0});
    EXPECT_EQ(fast.interval_ns, 1);
}

// Whatever comes when: in no window do more pass than the rate and one burst allow, and whoever
// waits as told passes.
RC_GTEST_PROP(Rate, never_lets_more_in_than_it_says, ()) {
    const RateLimit limit{*rc::gen::inRange<std::int64_t>(1, 200),
                          Milliseconds{*rc::gen::inRange<std::int64_t>(1, 5000)},
                          *rc::gen::inRange<std::int64_t>(0, 50)};
    const auto rule = rate_rule(limit);
    const std::int64_t burst = limit.burst == 0 ? limit.requests : limit.burst;
    std::int64_t due = 0;
    std::int64_t now = k_second;
    const std::int64_t begin = now;
    std::int64_t count = 0;
    const auto steps = *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 50'000'000));
    for (const int step : steps) {
        now += step;
        const auto verdict = rate_verdict(rule, due, now);
        if (verdict.wait_ns != 0) {
            RC_ASSERT(rate_verdict(rule, due, now + verdict.wait_ns).wait_ns == 0);
            RC_ASSERT(rate_verdict(rule, due, now + verdict.wait_ns - 1).wait_ns == 1);
            continue;
        }
        due = verdict.due_ns;
        ++count;
        RC_ASSERT(count <= burst + (now - begin) / rule.interval_ns);
    }
}

}  // namespace
}  // namespace moln::edge
