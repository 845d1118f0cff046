#include "edge/histogram.h"

#include <gtest/gtest.h>

namespace moln::edge {
namespace {

TEST(LatencyBucket, a_bound_belongs_to_its_bucket_and_one_past_it_to_the_next) {
    EXPECT_EQ(latency_bucket(0), 0U);
    for (std::size_t i = 0; i + 1 < k_latency_buckets; ++i) {
        EXPECT_EQ(latency_bucket(k_latency_bounds_us[i]), i);
        EXPECT_EQ(latency_bucket(k_latency_bounds_us[i] + 1), i + 1);
    }
    EXPECT_EQ(latency_bucket(INT64_MAX), k_latency_buckets - 1);
}

}  // namespace
}  // namespace moln::edge
