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

TEST(AcmeWords, the_time_to_ask_again_is_read_as_authorities_say_it) {
    const WallTime noon{1'796'472'000'000};  // 2026-12-05 12:00 UTC
    EXPECT_EQ(time_to_ask_again("rateLimited: too many certificates (5) already issued for this "
                                "exact set of identifiers in the last 168h0m0s, retry after "
                                "2026-12-05 12:00:00 UTC: see https://letsencrypt.org/docs/"),
              noon);
    EXPECT_EQ(time_to_ask_again("retry after 2026-12-05T12:00:00Z"), noon);
    EXPECT_EQ(time_to_ask_again("retry after 1970-01-01 00:00:01"), WallTime{1'000});
    EXPECT_EQ(time_to_ask_again("retry after 2028-02-29 23:59:59"), WallTime{1'835'481'599'000});
    for (const auto* said :
         {"", "retry after", "retry after ", "retry after a while", "2026-12-05 12:00:00 UTC",
          "retry after 2026-12-05 12:00:0", "retry after 2026-13-05 12:00:00",
          "retry after 2026-02-29 12:00:00", "retry after 2026-00-10 12:00:00",
          "retry after 2026-12-05 24:00:00", "retry after 2026-12-05 12:60:00",
          "retry after 2026-12-05 12:00:61", "retry after 2026-12-05_12:00:00",
          "retry after -026-12-05 12:00:00", "retry after 20261-2-05 12:00:00"}) {
        EXPECT_FALSE(time_to_ask_again(said)) << said;
    }
    EXPECT_TRUE(is_rate_limit("rateLimited: too many"));
    EXPECT_FALSE(is_rate_limit("connection: refused"));
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
