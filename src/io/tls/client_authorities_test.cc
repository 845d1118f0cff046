// Whose certificates are accepted of a client. The rest of it, over real handshakes, is in
// tests/edge/client_cert_test.py.
#include "io/tls/client_authorities.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/tls/test_keys_for_test.h"

namespace moln::tls {
namespace {

using testing::HasSubstr;
using testing::Optional;

std::optional<std::string> refuse(const char* authorities, const char* shown) {
    const auto read = ClientAuthorities::parse(authorities);
    const auto leaf = openssl::read_certificates(shown);
    EXPECT_TRUE(read && leaf);
    return (*read)->refuse(leaf->front().get(), nullptr);
}

TEST(ClientAuthorities, takes_one_that_nobody_signed_only_if_it_is_in_the_list) {
    EXPECT_EQ(refuse(k_test_chain, k_test_chain), std::nullopt);
    EXPECT_THAT(refuse(k_test_other_chain, k_test_chain), Optional(HasSubstr("no authority")));
    const auto both = std::string(k_test_other_chain) + k_test_chain;
    EXPECT_EQ(refuse(both.c_str(), k_test_chain), std::nullopt);
}

TEST(ClientAuthorities, the_same_certificate_twice_is_no_error) {
    const auto twice = std::string(k_test_chain) + k_test_chain;
    EXPECT_EQ(refuse(twice.c_str(), k_test_chain), std::nullopt);
}

TEST(ClientAuthorities, a_list_of_revoked_ones_that_is_none_is_refused) {
    const auto read = ClientAuthorities::parse(
        std::string(k_test_chain) + "-----BEGIN X509 CRL-----\nMA==\n-----END X509 CRL-----\n");
    ASSERT_FALSE(read);
    EXPECT_THAT(read.error().reason, HasSubstr("list 1 of revoked certificates"));
}

TEST(ClientAuthorities, what_is_no_certificate_is_refused) {
    EXPECT_FALSE(ClientAuthorities::parse(""));
    EXPECT_FALSE(
        ClientAuthorities::parse("-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"));
}

}  // namespace
}  // namespace moln::tls
