#include "model/acme.h"

#include <gtest/gtest.h>

namespace moln {
namespace {

TEST(AcmeWords, a_directory_has_a_name_for_people) {
    EXPECT_EQ(acme_name(acme_directory("letsencrypt")), "letsencrypt");
    EXPECT_EQ(acme_name(acme_directory("letsencrypt-staging")), "letsencrypt-staging");
    EXPECT_EQ(acme_directory("https://ca.example.org/dir"), "https://ca.example.org/dir");
    EXPECT_EQ(acme_name("https://ca.example.org:14000/dir"), "ca.example.org:14000");
}

TEST(AcmeWords, a_public_host_has_two_labels_and_no_star_and_is_not_local) {
    for (const auto* host : {"example.org", "shop.example.org", "a.b.c.example.co", "xn--4ca.se"}) {
        EXPECT_TRUE(is_public_host(host)) << host;
    }
    for (const auto* host : {"", "*", "*.example.org", "nas", "shop.localhost", "a.test",
                             "x.internal", "b.home.arpa", "c.local", "10.0.0.1", "example."}) {
        EXPECT_FALSE(is_public_host(host)) << host;
    }
}

TEST(AcmeWords, urls_and_addresses_have_limits) {
    const std::string url = "https://ca.example.org/";
    const std::string longest = url + std::string(k_acme_url_length_max - url.size(), 'a');
    EXPECT_TRUE(validate_acme_url(longest));
    EXPECT_FALSE(validate_acme_url(longest + 'a'));
    const std::string email = "@example.org";
    const std::string widest = std::string(k_acme_email_length_max - email.size(), 'a') + email;
    EXPECT_TRUE(validate_email(widest));
    EXPECT_FALSE(validate_email('a' + widest));
    EXPECT_TRUE(validate_email(""));
}

}  // namespace
}  // namespace moln
