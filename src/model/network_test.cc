#include "model/network.h"

#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace moln {
namespace {

bool contains(const std::string& network, const std::string& address) {
    const auto parsed = parse_network(network);
    const auto ip = parse_ip(address);
    return parsed && ip && parsed->contains(*ip);
}

TEST(Network, has_the_addresses_of_its_prefix_and_no_others) {
    EXPECT_TRUE(contains("10.0.0.0/8", "10.255.0.1"));
    EXPECT_FALSE(contains("10.0.0.0/8", "11.0.0.1"));
    EXPECT_TRUE(contains("192.0.2.128/25", "192.0.2.128"));
    EXPECT_FALSE(contains("192.0.2.128/25", "192.0.2.127"));
    EXPECT_TRUE(contains("2001:db8::/32", "2001:db8:ffff::1"));
    EXPECT_FALSE(contains("2001:db8::/32", "2001:db9::1"));
    EXPECT_TRUE(contains("192.0.2.1", "192.0.2.1"));
    EXPECT_FALSE(contains("192.0.2.1", "192.0.2.2"));
    EXPECT_TRUE(contains("0.0.0.0/0", "198.51.100.7"));
    EXPECT_FALSE(contains("0.0.0.0/0", "2001:db8::1")) << "IPv4 alone";
    EXPECT_TRUE(contains("::/0", "2001:db8::1"));
}

TEST(Network, an_ipv4_address_is_the_same_in_ipv6_clothes) {
    EXPECT_TRUE(contains("10.0.0.0/8", "::ffff:10.1.2.3"));
    EXPECT_FALSE(contains("10.0.0.0/8", "::ffff:11.1.2.3"));
}

TEST(Network, what_is_none_is_told) {
    for (const std::string text :
         {"", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8x", "10.0.0/8",
          "2001:db8::/129", "example.org", "10.0.0.0/8/8", "10.0.0.0 /8", " 10.0.0.0/8",
          "fe80::1%eth0", "[::1]"}) {
        EXPECT_FALSE(parse_network(text)) << text;
    }
    const auto more = parse_network("10.1.0.0/8");
    ASSERT_FALSE(more);
    EXPECT_NE(more.error().reason.find("bits behind its first 8"), std::string::npos);
    EXPECT_FALSE(parse_ip(std::string("10.0.0.1\0", 9)));
}

TEST(Network, every_address_is_in_the_network_of_its_own_prefix) {
    EXPECT_TRUE(rc::check("prefix", [](std::uint32_t address) {
        const int prefix = *rc::gen::inRange(0, 33);
        const std::uint32_t mask = prefix == 0 ? 0 : ~0U << (32 - prefix);
        const auto text = [](std::uint32_t v) {
            return fmt::format("{}.{}.{}.{}", v >> 24, v >> 16 & 255, v >> 8 & 255, v & 255);
        };
        const auto network = fmt::format("{}/{}", text(address & mask), prefix);
        RC_ASSERT(contains(network, text(address)));
        if (prefix > 0) {
            RC_ASSERT(!contains(network, text(address ^ (1U << (32 - prefix)))));
        }
    }));
}

}  // namespace
}  // namespace moln
