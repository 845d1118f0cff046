// What a responder says, looked at before it is believed. A real responder is asked in
// tests/system/test_ocsp.py.
#include "drivers/certificate/ocsp.h"

#include <ctime>
#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ocsp.h>

#include "drivers/certificate/issue.h"
#include "drivers/certificate/x509.h"
#include "io/tls/staple.h"

namespace moln {
namespace {

using testing::HasSubstr;

WallTime now() {
    return {std::int64_t{std::time(nullptr)} * 1000};
}

struct Root {
    IssuedPair pair = *make_root({now() + Milliseconds{-days(1).count}, now() + days(365)});
    IssuedPair leaf(const std::string& host) const {
        return *sign_server(pair.certificate, pair.key, host,
                            {now() + Milliseconds{-days(1).count}, now() + days(9)});
    }
    std::string chain(const IssuedPair& leaf) const { return leaf.certificate + pair.certificate; }
};

struct Said {
    int status = V_OCSP_CERTSTATUS_GOOD;
    Milliseconds from{-60'000};
    std::optional<Milliseconds> until = days(1);
};

openssl::X509Certificate first_of(const std::string& pem) {
    auto all = openssl::read_certificates(pem);
    return std::move(all->front());
}

ASN1_TIME* at(Milliseconds from_now) {
    return X509_gmtime_adj(nullptr, from_now.count / 1000);
}

// What `signer` says of `leaf`, which `issuer` signed; DER.
std::string answer(const Root& issuer, const IssuedPair& leaf, const Root& signer,
                   const Said& said = {}) {
    const auto certificate = first_of(leaf.certificate);
    const auto above = first_of(issuer.pair.certificate);
    const auto by = first_of(signer.pair.certificate);
    const auto key = openssl::read_key(signer.pair.key.reveal());
    const openssl::OcspBasic basic(OCSP_BASICRESP_new());
    OCSP_CERTID* id = OCSP_cert_to_id(EVP_sha1(), certificate.get(), above.get());
    using Time = std::unique_ptr<ASN1_TIME, openssl::Free<ASN1_TIME_free>>;
    const Time from(at(said.from));
    const Time until(said.until ? at(*said.until) : nullptr);
    const Time revoked(said.status == V_OCSP_CERTSTATUS_REVOKED ? at({-1000}) : nullptr);
    OCSP_basic_add1_status(basic.get(), id, said.status, OCSP_REVOKED_STATUS_NOSTATUS,
                           revoked.get(), from.get(), until.get());
    OCSP_CERTID_free(id);
    OCSP_basic_sign(basic.get(), by.get(), key->get(), EVP_sha256(), nullptr, 0);
    const openssl::OcspResponse response(
        OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic.get()));
    unsigned char* bytes = nullptr;
    const int size = i2d_OCSP_RESPONSE(response.get(), &bytes);
    std::string der(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
    OPENSSL_free(bytes);
    return der;
}

std::string reason(const Result<Staple>& read) {
    return read ? "" : read.error().reason;
}

TEST(Ocsp, a_good_answer_of_the_issuer_is_kept_with_its_times) {
    const Root root;
    const auto leaf = root.leaf("shop.example.org");
    const auto read = read_answer(root.chain(leaf), answer(root, leaf, root));
    ASSERT_TRUE(read) << reason(read);
    EXPECT_GT(read->until, now() + days(1) + Milliseconds{-60'000});
    const auto kept = tls::read_staple(read->response);
    ASSERT_TRUE(kept);
    EXPECT_EQ(kept->from, read->from);
    EXPECT_EQ(kept->until, read->until);
}

TEST(Ocsp, what_another_signed_or_what_is_of_another_certificate_is_refused) {
    const Root root;
    const Root other;
    const auto leaf = root.leaf("shop.example.org");
    const auto second = root.leaf("blog.example.org");
    const auto chain = root.chain(leaf);
    EXPECT_THAT(reason(read_answer(chain, answer(root, leaf, other))), HasSubstr("not signed"));
    EXPECT_THAT(reason(read_answer(chain, answer(other, leaf, other))), HasSubstr("not signed"));
    EXPECT_THAT(reason(read_answer(chain, answer(root, second, root))),
                HasSubstr("another certificate"));
}

TEST(Ocsp, a_revoked_or_unknown_one_is_told) {
    const Root root;
    const auto leaf = root.leaf("shop.example.org");
    const auto chain = root.chain(leaf);
    const auto revoked = answer(root, leaf, root, {.status = V_OCSP_CERTSTATUS_REVOKED});
    EXPECT_THAT(reason(read_answer(chain, revoked)), HasSubstr("revoked"));
    EXPECT_EQ(read_answer(chain, revoked).error().code, ErrorCode::failed);
    // Another's word, or an old one, revokes nothing.
    const Root other;
    EXPECT_EQ(read_answer(chain, answer(root, leaf, other, {.status = V_OCSP_CERTSTATUS_REVOKED}))
                  .error()
                  .code,
              ErrorCode::invalid);
    EXPECT_EQ(read_answer(chain, answer(root, leaf, root,
                                        {.status = V_OCSP_CERTSTATUS_REVOKED,
                                         .from = {-days(2).count},
                                         .until = Milliseconds{-3'600'000}}))
                  .error()
                  .code,
              ErrorCode::invalid);
    const auto unknown = answer(root, leaf, root, {.status = V_OCSP_CERTSTATUS_UNKNOWN});
    EXPECT_THAT(reason(read_answer(chain, unknown)), HasSubstr("unknown"));
    EXPECT_EQ(read_answer(chain, unknown).error().code, ErrorCode::refused);
}

TEST(Ocsp, an_answer_of_another_time_or_without_an_end_is_refused) {
    const Root root;
    const auto leaf = root.leaf("shop.example.org");
    const auto chain = root.chain(leaf);
    for (const Said& said : {Said{.from = {-days(2).count}, .until = Milliseconds{-3'600'000}},
                             Said{.from = days(1), .until = days(2)}, Said{.until = {}}}) {
        EXPECT_THAT(reason(read_answer(chain, answer(root, leaf, root, said))),
                    HasSubstr("another time"));
    }
}

TEST(Ocsp, without_the_issuer_nobody_can_be_asked) {
    const Root root;
    const auto leaf = root.leaf("shop.example.org");
    EXPECT_THAT(reason(read_answer(leaf.certificate, answer(root, leaf, root))),
                HasSubstr("its issuer is not in the chain"));
}

TEST(Ocsp, what_is_no_answer_or_longer_than_one_is_refused) {
    const Root root;
    const auto chain = root.chain(root.leaf("shop.example.org"));
    for (const std::string& text : {std::string(), std::string("no"), std::string(2000, '\x30')}) {
        EXPECT_THAT(reason(read_answer(chain, text)), HasSubstr("none of OCSP"));
    }
    EXPECT_THAT(reason(read_answer(chain, std::string(k_staple_bytes_max, 'x'))),
                HasSubstr("none of OCSP"));
    EXPECT_THAT(reason(read_answer(chain, std::string(k_staple_bytes_max + 1, 'x'))),
                HasSubstr("at most"));
    const openssl::OcspResponse busy(OCSP_response_create(OCSP_RESPONSE_STATUS_TRYLATER, nullptr));
    unsigned char* bytes = nullptr;
    const int size = i2d_OCSP_RESPONSE(busy.get(), &bytes);
    EXPECT_THAT(reason(read_answer(
                    chain, {reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size)})),
                HasSubstr("trylater"));
    OPENSSL_free(bytes);
}

TEST(Ocsp, a_certificate_that_names_nobody_has_no_responder) {
    const Root root;
    const auto leaf = root.leaf("shop.example.org");
    EXPECT_EQ(read_staple_facts(root.chain(leaf), ""), StapleFacts{});
    EXPECT_EQ(read_staple_facts("no certificate", "no staple"), StapleFacts{});
}

}  // namespace
}  // namespace moln
