#include "io/net/distinct.h"

#include <gtest/gtest.h>

namespace moln::net {
namespace {

std::vector<std::string> hosts(const std::vector<std::vector<std::string>>& listens) {
    std::vector<std::string> out;
    for (const auto& address : distinct_hosts(listens)) out.push_back(address.to_string());
    return out;
}

using Hosts = std::vector<std::string>;

TEST(DistinctHosts, each_is_there_once_without_its_port) {
    EXPECT_EQ(hosts({{"127.0.0.1:8080"}, {"127.0.0.1:8443"}}), Hosts{"127.0.0.1:0"});
    EXPECT_EQ(hosts({{"127.0.0.1:80", "10.0.0.1:80"}, {"[::1]:443"}}),
              (Hosts{"127.0.0.1:0", "10.0.0.1:0", "[::1]:0"}));
    EXPECT_EQ(hosts({{}, {}}), Hosts{});
    EXPECT_EQ(hosts({{"nonsense"}}), Hosts{});
}

TEST(DistinctHosts, what_includes_others_stands_for_them) {
    EXPECT_EQ(hosts({{"127.0.0.1:80", "0.0.0.0:80"}}), Hosts{"0.0.0.0:0"});
    EXPECT_EQ(hosts({{"0.0.0.0:80", "[::1]:80"}}), (Hosts{"0.0.0.0:0", "[::1]:0"}));
    EXPECT_EQ(hosts({{"0.0.0.0:80", "127.0.0.1:80"}, {"[::]:443", "[::1]:443"}}), Hosts{"[::]:0"});
}

}  // namespace
}  // namespace moln::net
