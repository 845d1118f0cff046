#include "drivers/network/subnet.h"

#include <gtest/gtest.h>

namespace moln {
namespace {

TEST(Subnet, names_and_addresses_follow_the_numbers) {
    const auto subnet = subnet_of("10.213", {.network = 7, .slot = 12});
    ASSERT_TRUE(subnet);
    EXPECT_EQ(subnet->bridge, "mln7");
    EXPECT_EQ(subnet->host_link, "mlv7.12");
    EXPECT_EQ(subnet->gateway, "10.213.7.1");
    EXPECT_EQ(subnet->address, "10.213.7.12");
    EXPECT_EQ(subnet->gateway_mac, "02:6d:6c:6e:07:01");
    EXPECT_EQ(subnet->mac, "02:6d:6c:6e:07:0c");
}

TEST(Subnet, the_limits_hold_and_one_past_them_is_refused) {
    EXPECT_TRUE(subnet_of("10.213", {.network = 1, .slot = 2}));
    EXPECT_TRUE(subnet_of("10.213", {.network = 254, .slot = 254}));
    EXPECT_EQ(subnet_of("10.213", {.network = 0, .slot = 2}).error().code, ErrorCode::refused);
    EXPECT_EQ(subnet_of("10.213", {.network = 255, .slot = 2}).error().code, ErrorCode::refused);
    EXPECT_EQ(subnet_of("10.213", {.network = 1, .slot = 1}).error().code, ErrorCode::refused);
    EXPECT_EQ(subnet_of("10.213", {.network = 1, .slot = 255}).error().code, ErrorCode::refused);
}

TEST(Subnet, a_link_name_fits_the_kernels_15_characters) {
    EXPECT_LE(subnet_of("10.213", {.network = 254, .slot = 254})->host_link.size(), 15u);
}

}  // namespace
}  // namespace moln
