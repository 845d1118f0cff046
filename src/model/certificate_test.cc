#include "model/certificate.h"

#include <gtest/gtest.h>

namespace moln {
namespace {

constexpr WallTime k_now{1'800'000'000'000};

Certificate certificate(const std::string& id, std::vector<std::string> hosts,
                        CertificateSource source = CertificateSource::file) {
    Certificate one;
    one.id = CertificateId(id);
    one.hosts = std::move(hosts);
    one.source = source;
    one.not_before = k_now + Milliseconds{-days(1).count};
    one.not_after = k_now + days(90);
    return one;
}

std::map<CertificateId, Certificate> all_of(std::vector<Certificate> list) {
    std::map<CertificateId, Certificate> all;
    for (auto& one : list) all[one.id] = one;
    return all;
}

TEST(LocalHost, names_that_no_public_authority_certifies) {
    for (const auto* host : {"localhost", "shop.localhost", "a.b.localhost", "nas.local", "x.test",
                             "db.internal", "tv.home.arpa", "nas", "*.shop.localhost"}) {
        EXPECT_TRUE(is_local_host(host)) << host;
    }
    for (const auto* host : {"*", "", "shop.example.org", "local.example", "notlocal.org",
                             "mylocalhost.com", "arpa.home", "*.localhost", "*.nas",
                             "*.example.org", "home.arpa", "evil-localhost.com"}) {
        EXPECT_FALSE(is_local_host(host)) << host;
    }
}

TEST(NameCovers, a_star_stands_for_one_label) {
    EXPECT_TRUE(name_covers("a.example.org", "a.example.org"));
    EXPECT_TRUE(name_covers("*.example.org", "a.example.org"));
    EXPECT_TRUE(name_covers("*.example.org", "*.example.org"));
    EXPECT_FALSE(name_covers("*.example.org", "example.org"));
    EXPECT_FALSE(name_covers("*.example.org", "a.b.example.org"));
    EXPECT_FALSE(name_covers("*.example.org", "*.b.example.org"));
    EXPECT_FALSE(name_covers("a.example.org", "*.example.org"));
}

TEST(RenewalTime, is_when_a_third_of_the_life_is_left) {
    auto one = certificate("cert-a", {"a.test"});
    one.not_before = {0};
    one.not_after = {90};
    EXPECT_EQ(renewal_time(one).ms, 60);
}

TEST(CertificateIndex, an_own_name_goes_before_a_star) {
    const auto all = all_of(
        {certificate("cert-a", {"*.example.org"}), certificate("cert-b", {"shop.example.org"})});
    const CertificateIndex index(all, k_now);
    EXPECT_EQ(index.find("shop.example.org")->id.text, "cert-b");
    EXPECT_EQ(index.find("blog.example.org")->id.text, "cert-a");
    EXPECT_EQ(index.find("*.example.org")->id.text, "cert-a");
    EXPECT_EQ(index.find("example.org"), nullptr);
    EXPECT_EQ(index.find("localhost"), nullptr);
}

TEST(CertificateIndex, one_added_by_file_goes_before_one_of_our_own) {
    auto longer = certificate("cert-z", {"shop.test"}, CertificateSource::local);
    longer.not_after = k_now + days(900);
    const auto all = all_of({certificate("cert-a", {"shop.test"}), longer,
                             certificate("cert-b", {"*.shop.test"}),
                             certificate("cert-c", {"x.shop.test"}, CertificateSource::local)});
    const CertificateIndex index(all, k_now);
    EXPECT_EQ(index.find("shop.test")->id.text, "cert-a");
    EXPECT_EQ(index.find("x.shop.test")->id.text, "cert-b");
    EXPECT_EQ(index.bearer("x.shop.test")->id.text, "cert-c");
}

TEST(CertificateIndex, a_valid_one_goes_before_one_that_has_ended) {
    auto ended = certificate("cert-a", {"shop.test"});
    ended.not_after = k_now;  // the moment itself is past it
    const auto own = certificate("cert-b", {"shop.test"}, CertificateSource::local);
    const auto all = all_of({ended, own});
    EXPECT_EQ(CertificateIndex(all, k_now).find("shop.test")->id.text, "cert-b");
    // Better a warning than no answer at all.
    const auto alone = all_of({ended});
    EXPECT_EQ(CertificateIndex(alone, k_now).find("shop.test")->id.text, "cert-a");
}

TEST(CertificateIndex, of_two_equal_ones_the_one_that_ends_later) {
    auto later = certificate("cert-a", {"a.example.org", "b.example.org"});
    later.not_after = k_now + days(91);
    const auto all = all_of({later, certificate("cert-b", {"a.example.org"})});
    EXPECT_EQ(CertificateIndex(all, k_now).find("a.example.org")->id.text, "cert-a");
}

TEST(CertificateIndex, of_two_added_by_file_the_last) {
    auto own_making = certificate("cert-a", {"a.example.org"});
    own_making.not_after = k_now + days(3650);
    own_making.created = k_now;
    auto bought = certificate("cert-b", {"a.example.org", "www.a.example.org"});
    bought.created = k_now + seconds(1);
    const auto all = all_of({own_making, bought});
    EXPECT_EQ(CertificateIndex(all, k_now).find("a.example.org")->id.text, "cert-b");
    EXPECT_EQ(CertificateIndex(all, k_now + days(100)).find("a.example.org")->id.text, "cert-a");
    // Of an authority the one that ends later, whenever it came.
    own_making.source = bought.source = CertificateSource::acme;
    const auto given = all_of({own_making, bought});
    EXPECT_EQ(CertificateIndex(given, k_now).find("a.example.org")->id.text, "cert-a");
}

}  // namespace
}  // namespace moln
