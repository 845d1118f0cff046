#include "io/tls/certificate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/tls/test_keys_for_test.h"
#include "model/limits.h"

namespace moln::tls {
namespace {

using ::testing::HasSubstr;

std::string reason(std::string_view chain, const std::string& key) {
    const auto parsed = Certificate::parse(chain, Secret(key));
    return parsed ? "" : parsed.error().reason;
}

TEST(TlsCertificate, a_chain_and_its_key_are_taken) {
    EXPECT_EQ(reason(k_test_chain, k_test_key), "");
    EXPECT_EQ(reason(std::string(k_test_chain) + k_test_other_chain, k_test_key), "");
}

TEST(TlsCertificate, what_does_not_belong_together_is_refused) {
    EXPECT_THAT(reason(k_test_other_chain, k_test_key), HasSubstr("not the certificate's"));
}

TEST(TlsCertificate, what_is_no_pem_is_refused) {
    EXPECT_THAT(reason("", k_test_key), HasSubstr("no certificate"));
    EXPECT_THAT(reason(k_test_key, k_test_key), HasSubstr("no certificate"));
    EXPECT_THAT(reason(k_test_chain, ""), HasSubstr("no private key"));
    EXPECT_THAT(reason(k_test_chain, k_test_chain), HasSubstr("no private key"));
}

TEST(TlsCertificate, an_endless_chain_is_refused) {
    std::string chain;
    for (std::size_t i = 0; i <= k_certificate_chain_max; ++i) chain += k_test_chain;
    EXPECT_THAT(reason(chain, k_test_key), HasSubstr("more than 10"));
}

}  // namespace
}  // namespace moln::tls
