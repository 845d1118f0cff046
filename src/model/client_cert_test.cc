#include "model/client_cert.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moln {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string reason(const std::string& ca) {
    const auto valid = validate_client_cert({.ca = ca});
    return valid ? "" : valid.error().reason;
}

const std::string k_block = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n";

TEST(ClientCert, takes_one_authority_or_several_with_words_between) {
    EXPECT_EQ(reason(k_block), "");
    EXPECT_EQ(reason("our own\n" + k_block + "\nand another\n" + k_block), "");
}

TEST(ClientCert, without_a_certificate_or_with_a_broken_frame_is_refused) {
    for (const std::string text : {"", "ca.pem", "-----BEGIN", "-----END CERTIFICATE-----"}) {
        EXPECT_THAT(reason(text), HasSubstr("found none")) << text;
    }
    EXPECT_THAT(reason(k_block + "-----BEGIN CERTIFICATE-----\nMA==\n"),
                HasSubstr("after certificate or list 2"));
    EXPECT_THAT(reason("-----BEGIN CERTIFICATE-----\n" + k_block),
                HasSubstr("after certificate or list 1"));
}

TEST(ClientCert, takes_lists_of_revoked_ones_beside_authorities_and_not_alone) {
    const std::string list = "-----BEGIN X509 CRL-----\nMA==\n-----END X509 CRL-----\n";
    EXPECT_EQ(reason(k_block + list), "");
    EXPECT_EQ(reason(list + k_block), "");
    EXPECT_THAT(reason(list), HasSubstr("found none"));
    EXPECT_THAT(reason(k_block + "-----BEGIN X509 CRL-----\n" + k_block),
                HasSubstr("\"-----END X509 CRL-----\" after certificate or list 2"));
}

TEST(ClientCert, a_private_key_is_refused_and_not_shown) {
    const auto said = reason(k_block + "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n");
    EXPECT_THAT(said, HasSubstr("private key"));
    EXPECT_THAT(said, Not(HasSubstr("c2VjcmV0")));
}

TEST(ClientCert, has_so_many_bytes_and_no_more) {
    std::string text = k_block;
    text.resize(k_client_ca_bytes_max, '\n');
    EXPECT_EQ(reason(text), "");
    EXPECT_THAT(reason(text + "\n"), HasSubstr("at most 65536 bytes"));
}

}  // namespace
}  // namespace moln
