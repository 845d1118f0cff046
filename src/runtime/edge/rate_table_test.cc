#include "runtime/edge/rate_table.h"

#include <string>
#include <thread>

#include <gtest/gtest.h>

namespace moln::edge_loop {
namespace {

constexpr std::int64_t k_second = 1'000'000'000;
const edge::RateRule k_five = edge::rate_rule({.requests = 5, .window = seconds(1)});

TEST(RateTable, counts_each_client_and_each_scope_for_itself) {
    RateTable table({1, 2});
    for (int i = 0; i < 5; ++i) EXPECT_EQ(table.admit(7, "a", k_five, k_second), 0);
    EXPECT_EQ(table.admit(7, "a", k_five, k_second), k_second / 5);
    EXPECT_EQ(table.admit(7, "b", k_five, k_second), 0);
    EXPECT_EQ(table.admit(8, "a", k_five, k_second), 0);
    EXPECT_EQ(table.admit(7, "a", k_five, k_second + k_second / 5), 0);
}

TEST(RateTable, is_one_for_all_threads) {
    RateTable table({1, 2});
    std::atomic<int> in = 0;
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 4; ++i) {
            threads.emplace_back([&] {
                for (int j = 0; j < 1000; ++j) in += table.admit(7, "a", k_five, k_second) == 0;
            });
        }
    }
    EXPECT_EQ(in, 5);
}

// More clients than there is room for: it stays as large as it is, and who asks without a pause is
// still held back.
TEST(RateTable, has_a_fixed_size) {
    RateTable table({1, 2});
    const auto slow = edge::rate_rule({.requests = 1, .window = minutes(1)});
    const auto busy = edge::rate_rule({.requests = 1, .window = minutes(60), .burst = 10});
    for (int i = 0; i < 10; ++i) (void)table.admit(1, "busy", busy, k_second);
    constexpr auto k_many = 2 * RateTable::k_buckets * RateTable::k_in_bucket;
    for (std::size_t i = 0; i < k_many; ++i) {
        EXPECT_EQ(table.admit(1, std::to_string(i), slow, k_second), 0);
    }
    EXPECT_NE(table.admit(1, "busy", busy, k_second), 0);
}

TEST(RateTable, takes_the_first_half_of_an_ipv6_address_for_the_client) {
    std::array<char, 8> room{};
    std::array<char, 8> other{};
    EXPECT_EQ(rate_client("192.0.2.1", room), "192.0.2.1");
    EXPECT_EQ(rate_client("2001:db8::1", room), rate_client("2001:db8::ffff:1", other));
    EXPECT_NE(rate_client("2001:db8::1", room), rate_client("2001:db8:0:1::1", other));
}

}  // namespace
}  // namespace moln::edge_loop
