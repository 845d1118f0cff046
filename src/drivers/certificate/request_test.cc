#include "drivers/certificate/request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>

#include "drivers/certificate/x509.h"

namespace moln {
namespace {

using ::testing::HasSubstr;

constexpr WallTime k_now{1'800'000'000'000};
// base64url of the SHA-256 of "abc".
constexpr const char* k_digest = "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0";

std::string text_of(X509& certificate) {
    const openssl::Bio bio(BIO_new(BIO_s_mem()));
    X509_print(bio.get(), &certificate);
    return openssl::bytes_of(*bio);
}

TEST(CertificateRequest, asks_for_the_one_host_with_a_key_of_its_own) {
    const auto made = make_request("shop.example.org");
    ASSERT_TRUE(made) << made.error().reason;
    const auto bio = openssl::reader(made->request);
    const std::unique_ptr<X509_REQ, openssl::Free<X509_REQ_free>> request(
        PEM_read_bio_X509_REQ(bio.get(), nullptr, nullptr, nullptr));
    ASSERT_NE(request, nullptr);
    const auto key = openssl::read_key(made->key.reveal());
    ASSERT_TRUE(key);
    EXPECT_EQ(X509_REQ_verify(request.get(), key->get()), 1);
    const openssl::Bio out(BIO_new(BIO_s_mem()));
    X509_REQ_print(out.get(), request.get());
    EXPECT_THAT(openssl::bytes_of(*out), HasSubstr("DNS:shop.example.org"));
    EXPECT_NE(make_request("shop.example.org")->key.reveal(), made->key.reveal());
}

TEST(CertificateRequest, a_name_that_is_none_is_refused) {
    for (const auto* host : {"", "*", "*.example.org", "a,DNS:b.org", "a b", "IP:1.2.3.4"}) {
        EXPECT_FALSE(make_request(host)) << host;
        EXPECT_FALSE(make_challenge_certificate(host, k_digest, k_now)) << host;
    }
}

TEST(CertificateRequest, an_account_key_is_an_ec_key) {
    const auto key = make_account_key();
    ASSERT_TRUE(key);
    EXPECT_EQ(openssl::key_words(**openssl::read_key(key->reveal())), "EC P-256");
}

TEST(ChallengeCertificate, has_the_host_and_the_digest_in_a_critical_extension) {
    const auto made = make_challenge_certificate("shop.example.org", k_digest, k_now);
    ASSERT_TRUE(made) << made.error().reason;
    const auto read = openssl::read_certificates(made->certificate);
    ASSERT_TRUE(read && read->size() == 1);
    auto& certificate = *read->front();
    EXPECT_EQ(X509_verify(&certificate, openssl::read_key(made->key.reveal())->get()), 1);
    const auto text = text_of(certificate);
    EXPECT_THAT(text, HasSubstr("DNS:shop.example.org"));
    const std::unique_ptr<ASN1_OBJECT, openssl::Free<ASN1_OBJECT_free>> kind(
        OBJ_txt2obj("1.3.6.1.5.5.7.1.31", 1));
    const int place = X509_get_ext_by_OBJ(&certificate, kind.get(), -1);
    ASSERT_GE(place, 0);
    auto* extension = X509_get_ext(&certificate, place);
    EXPECT_EQ(X509_EXTENSION_get_critical(extension), 1);
    const auto* value = X509_EXTENSION_get_data(extension);
    const std::string bytes(reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
                            static_cast<std::size_t>(ASN1_STRING_length(value)));
    using namespace std::string_literals;
    const auto digest =
        "\xba\x78\x16\xbf\x8f\x01\xcf\xea\x41\x41\x40\xde\x5d\xae\x22\x23"
        "\xb0\x03\x61\xa3\x96\x17\x7a\x9c\xb4\x10\xff\x61\xf2\x00\x15\xad"s;
    EXPECT_EQ(bytes, "\x04\x20" + digest);
}

TEST(ChallengeCertificate, a_digest_that_is_none_is_refused) {
    const std::string good = k_digest;
    for (const auto& digest : {std::string(), good.substr(1), good + "A", good.substr(1) + "=",
                               good.substr(1) + "+", good.substr(0, 42) + "1"}) {
        EXPECT_FALSE(make_challenge_certificate("shop.example.org", digest, k_now)) << digest;
    }
}

}  // namespace
}  // namespace moln
