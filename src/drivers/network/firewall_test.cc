#include "drivers/network/firewall.h"

#include <gtest/gtest.h>

namespace moln {
namespace {

TEST(FirewallRules, the_host_is_closed_but_for_the_edges_ports) {
    const auto rules = firewall_rules({.base = "10.213", .edge_ports = {80, 443}});
    EXPECT_NE(rules.find("tcp dport { 80, 443 } accept\n        drop"), std::string::npos) << rules;
    EXPECT_EQ(rules.find("dport 53"), std::string::npos);
}

TEST(FirewallRules, without_services_nothing_of_the_host_is_open) {
    const auto rules = firewall_rules({});
    EXPECT_NE(rules.find("icmp type echo-request accept\n"
                         "        meta l4proto . th dport @streams accept\n        drop"),
              std::string::npos)
        << rules;
    EXPECT_EQ(rules.find("elements"), std::string::npos);
}

TEST(FirewallRules, listens_that_are_open_are_elements_and_are_read_again) {
    const auto rules =
        firewall_rules({.stream_listens = {{Protocol::tcp, 5432}, {Protocol::udp, 53}}});
    EXPECT_NE(rules.find("elements = { tcp . 5432, udp . 53 }"), std::string::npos) << rules;
    const std::vector<Listen> both = {{Protocol::tcp, 5432}, {Protocol::udp, 53}};
    EXPECT_EQ(listens_in(R"({"nftables": [{"metainfo": {}}, {"set": {"name": "streams", "elem": [
                         {"concat": ["tcp", 5432]}, {"concat": ["udp", 53]}, {"concat": ["icmp"]}]}}
                         ]})"),
              both);
    EXPECT_TRUE(listens_in("nonsense").empty());
    EXPECT_TRUE(listens_in(R"({"nftables": [{"set": {"name": "streams"}}]})").empty());
    EXPECT_EQ(open_to_instances({}), "flush set inet moln streams\n");
}

TEST(FirewallRules, the_base_is_used_throughout) {
    const auto rules = firewall_rules({.base = "10.99"});
    EXPECT_EQ(rules.find("10.213"), std::string::npos);
    EXPECT_NE(rules.find("ip saddr 10.99.0.0/16 oifname != \"mln*\" masquerade"),
              std::string::npos);
}

}  // namespace
}  // namespace moln
