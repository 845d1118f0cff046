#include "drivers/network/other_rules.h"

#include <gtest/gtest.h>

namespace moln {
namespace {

std::string chain(const std::string& family, const std::string& table, const std::string& type,
                  const std::string& hook, const std::string& policy = "accept") {
    return R"({"chain": {"family": ")" + family + R"(", "table": ")" + table +
           R"(", "name": "c", "handle": 1, "type": ")" + type + R"(", "hook": ")" + hook +
           R"(", "prio": 0, "policy": ")" + policy + R"("}})";
}

std::size_t count(const std::string& one) {
    const auto found = foreign_filters(R"({"nftables": [{"metainfo": {}}, )" + one + "]}");
    return found ? found->size() : 99;
}

TEST(OtherRules, filters_of_what_comes_in_count) {
    EXPECT_EQ(count(chain("ip", "filter", "filter", "input")), 1u);
    EXPECT_EQ(count(chain("inet", "firewalld", "filter", "forward")), 1u);
    EXPECT_EQ(count(chain("ip", "raw", "filter", "prerouting")), 1u);
}

TEST(OtherRules, ours_and_what_does_not_filter_what_comes_in_do_not) {
    EXPECT_EQ(count(chain("inet", "moln", "filter", "forward")), 0u);
    EXPECT_EQ(count(chain("ip", "moln-streams", "filter", "input")), 0u);
    EXPECT_EQ(count(chain("ip", "filter", "filter", "output")), 0u);
    EXPECT_EQ(count(chain("ip", "nat", "nat", "prerouting")), 0u);
    EXPECT_EQ(count(chain("ip6", "filter", "filter", "input")), 0u);
    EXPECT_EQ(count(R"({"chain": {"family": "ip", "table": "x", "name": "no base"}})"), 0u);
}

TEST(OtherRules, a_policy_of_drop_is_seen) {
    const auto found = foreign_filters(R"({"nftables": [)" +
                                       chain("ip", "filter", "filter", "forward", "drop") + "]}");
    ASSERT_TRUE(found);
    EXPECT_TRUE(found->front().drops);
}

TEST(OtherRules, a_chain_without_rules_is_no_filter) {
    EXPECT_EQ(has_rules(R"({"nftables": [{"chain": {}}]})"), false);
    EXPECT_EQ(has_rules(R"({"nftables": [{"chain": {}}, {"rule": {"handle": 3}}]})"), true);
}

TEST(OtherRules, what_is_no_listing_is_an_error) {
    EXPECT_FALSE(foreign_filters("{}"));
    EXPECT_FALSE(foreign_filters("nonsense"));
    EXPECT_FALSE(has_rules("[]"));
}

}  // namespace
}  // namespace moln
