#include "io/tls/sites.h"

#include <gtest/gtest.h>

#include "io/tls/test_keys_for_test.h"

namespace moln::tls {
namespace {

std::shared_ptr<const Certificate> certificate() {
    return *Certificate::parse(k_test_chain, Secret(k_test_key));
}

TEST(TlsSites, an_exact_name_goes_before_a_wildcard) {
    Sites sites;
    const auto wide = certificate();
    const auto exact = certificate();
    sites.add({"*.example.org"}, wide);
    sites.add({"shop.example.org"}, exact);
    EXPECT_EQ(sites.find("shop.example.org"), exact.get());
    EXPECT_EQ(sites.find("SHOP.Example.ORG"), exact.get());
    EXPECT_EQ(sites.find("blog.example.org"), wide.get());
}

TEST(TlsSites, a_wildcard_is_one_label) {
    Sites sites;
    sites.add({"*.example.org"}, certificate());
    EXPECT_EQ(sites.find("a.b.example.org"), nullptr);
    EXPECT_EQ(sites.find("example.org"), nullptr);
    EXPECT_EQ(sites.find(".example.org"), nullptr);
}

TEST(TlsSites, a_challenge_is_shown_by_its_exact_name_and_never_besides) {
    Sites sites;
    const auto challenge = certificate();
    EXPECT_EQ(sites.find_challenge("shop.example.org"), nullptr);
    sites.add_challenge("shop.example.org", challenge);
    EXPECT_EQ(sites.find_challenge("Shop.Example.Org"), challenge.get());
    EXPECT_EQ(sites.find_challenge(std::string(300, 'a')), nullptr);
    EXPECT_EQ(sites.find_challenge("example.org"), nullptr);
    EXPECT_EQ(sites.find_challenge(""), nullptr);
    EXPECT_EQ(sites.find("shop.example.org"), nullptr);
    EXPECT_EQ(sites.find(""), nullptr);
    EXPECT_TRUE(sites.empty());
}

TEST(TlsSites, who_names_no_host_gets_the_first) {
    Sites sites;
    EXPECT_EQ(sites.find(""), nullptr);
    const auto first = certificate();
    sites.add({"b.example.org"}, first);
    sites.add({"a.example.org"}, certificate());
    EXPECT_EQ(sites.find(""), first.get());
}

TEST(TlsSites, odd_names_are_nobodys) {
    Sites sites;
    sites.add({"*.example.org", "shop.example.org"}, certificate());
    for (const auto* name : {"com", ".", "..", "*", "shop.example.org."}) {
        EXPECT_EQ(sites.find(name), nullptr) << name;
    }
    EXPECT_EQ(sites.find(std::string(5000, 'a') + ".example.org"), nullptr);
}

TEST(TlsSites, the_later_one_of_a_name_counts) {
    Sites sites;
    sites.add({"shop.example.org"}, certificate());
    const auto later = certificate();
    sites.add({"shop.example.org"}, later);
    EXPECT_EQ(sites.find("shop.example.org"), later.get());
}

}  // namespace
}  // namespace moln::tls
