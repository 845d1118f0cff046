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
    EXPECT_NE(rules.find("icmp type echo-request accept\n        drop"), std::string::npos)
        << rules;
}

TEST(FirewallRules, the_base_is_used_throughout) {
    const auto rules = firewall_rules({.base = "10.99"});
    EXPECT_EQ(rules.find("10.213"), std::string::npos);
    EXPECT_NE(rules.find("ip saddr 10.99.0.0/16 oifname != \"mln*\" masquerade"),
              std::string::npos);
}

}  // namespace
}  // namespace moln
