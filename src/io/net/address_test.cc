#include "io/net/address.h"

#include <gtest/gtest.h>

namespace moln::net {
namespace {

TEST(SocketAddress, literals_of_both_families_round_trip) {
    for (const char* text : {"127.0.0.1:8080", "0.0.0.0:0", "[::1]:443", "10.1.2.3:65535"}) {
        const auto address = SocketAddress::parse(text);
        ASSERT_TRUE(address) << text;
        EXPECT_EQ(address->to_string(), text);
    }
}

TEST(SocketAddress, anything_else_is_refused_with_the_text_named) {
    for (const char* text : {"", "8080", "localhost:80", "127.0.0.1:", "127.0.0.1:65536", "::1:80",
                             "127.0.0.1:80x", "127.0.0.1:-1", "1.2.3:80"}) {
        const auto address = SocketAddress::parse(text);
        ASSERT_FALSE(address) << text;
        EXPECT_EQ(address.error().code, ErrorCode::invalid);
        EXPECT_NE(address.error().reason.find(text), std::string::npos);
    }
}

TEST(SocketAddress, loopback_is_told_from_the_world) {
    EXPECT_TRUE(SocketAddress::parse("127.8.8.8:1")->loopback());
    EXPECT_TRUE(SocketAddress::parse("[::1]:1")->loopback());
    EXPECT_FALSE(SocketAddress::parse("0.0.0.0:1")->loopback());
}

TEST(SocketAddress, a_mapped_ipv4_address_is_shown_as_ipv4) {
    EXPECT_EQ(SocketAddress::from("::ffff:10.0.0.1", 1)->ip(), "10.0.0.1");
}

}  // namespace
}  // namespace moln::net
