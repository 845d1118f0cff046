// Issuing and inspecting with the real OpenSSL: what is issued verifies, what is refused says why.
#include "model/certificate.h"

#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <rapidcheck.h>

#include "drivers/certificate/inspect.h"
#include "drivers/certificate/issue.h"
#include "drivers/certificate/real_certificates.h"
#include "drivers/certificate/x509.h"
#include "io/file/temp_dir_for_test.h"
#include "model/edge.h"
#include "model/limits.h"

namespace moln {
namespace {

constexpr WallTime k_now{1'800'000'000'000};
const Validity k_good{k_now + Milliseconds{-days(1).count}, k_now + days(90)};

openssl::X509Certificate first_of(const std::string& pem) {
    auto all = openssl::read_certificates(pem);
    return std::move(all->front());
}

// X509_V_OK, or what a client would say.
int verify(const std::string& leaf, const std::string& root, const std::string& host,
           WallTime at = k_now) {
    const auto trusted = first_of(root);
    const auto target = first_of(leaf);
    using Store = std::unique_ptr<X509_STORE, openssl::Free<X509_STORE_free>>;
    using Context = std::unique_ptr<X509_STORE_CTX, openssl::Free<X509_STORE_CTX_free>>;
    const Store store(X509_STORE_new());
    X509_STORE_add_cert(store.get(), trusted.get());
    const Context context(X509_STORE_CTX_new());
    X509_STORE_CTX_init(context.get(), store.get(), target.get(), nullptr);
    auto* param = X509_STORE_CTX_get0_param(context.get());
    X509_VERIFY_PARAM_set_time(param, at.ms / 1000);
    X509_VERIFY_PARAM_set1_host(param, host.data(), host.size());
    X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_SSL_SERVER);
    X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_X509_STRICT);
    X509_verify_cert(context.get());
    return X509_STORE_CTX_get_error(context.get());
}

struct Root {
    IssuedPair pair = *make_root({k_now + Milliseconds{-days(365).count}, k_now + days(3650)});
    IssuedPair leaf(const std::string& host, const Validity& validity = k_good) const {
        return *sign_server(pair.certificate, pair.key, host, validity);
    }
};

Result<InspectedCertificate> inspect(const std::string& pem) {
    return inspect_certificate(Secret(pem), k_now);
}

std::string reason_of(const std::string& pem) {
    const auto found = inspect(pem);
    if (found) return "it was taken";
    EXPECT_EQ(found.error().code, ErrorCode::invalid);
    EXPECT_EQ(found.error().reason.find("PRIVATE KEY-----\n"), std::string::npos);
    return found.error().reason;
}

testing::AssertionResult says(const std::string& reason, const std::string& part) {
    if (reason.find(part) != std::string::npos) return testing::AssertionSuccess();
    return testing::AssertionFailure() << "\"" << reason << "\" does not say \"" << part << "\"";
}

// A self-signed certificate of any key, with whatever extensions a test wants.
std::string self_signed(EVP_PKEY* key, const std::vector<std::pair<int, std::string>>& extensions) {
    const openssl::X509Certificate x509(X509_new());
    X509_set_version(x509.get(), 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x509.get()), 7);
    ASN1_TIME_set(X509_getm_notBefore(x509.get()), k_good.from.ms / 1000);
    ASN1_TIME_set(X509_getm_notAfter(x509.get()), k_good.until.ms / 1000);
    X509_set_pubkey(x509.get(), key);
    auto* name = X509_get_subject_name(x509.get());
    X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>("test"), 4, -1, 0);
    X509_set_issuer_name(x509.get(), name);
    for (const auto& [kind, value] : extensions) {
        const openssl::Extension one(X509V3_EXT_conf_nid(nullptr, nullptr, kind, value.c_str()));
        EXPECT_NE(one, nullptr) << value;
        X509_add_ext(x509.get(), one.get(), -1);
    }
    X509_sign(x509.get(), key, EVP_PKEY_is_a(key, "ED25519") == 1 ? nullptr : EVP_sha256());
    return openssl::to_pem(*x509) + openssl::to_pem(*key).reveal();
}

const std::pair<int, std::string> k_names{NID_subject_alt_name, "DNS:Shop.Example.org"};

TEST(Issue, a_leaf_verifies_under_its_root_for_its_host_alone) {
    const Root root;
    const auto leaf = root.leaf("shop.localhost");
    EXPECT_EQ(verify(leaf.certificate, root.pair.certificate, "shop.localhost"), X509_V_OK);
    EXPECT_EQ(verify(leaf.certificate, root.pair.certificate, "blog.localhost"),
              X509_V_ERR_HOSTNAME_MISMATCH);
    EXPECT_EQ(verify(leaf.certificate, Root().pair.certificate, "shop.localhost"),
              X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY);
    EXPECT_EQ(verify(leaf.certificate, root.pair.certificate, "shop.localhost", k_now + days(91)),
              X509_V_ERR_CERT_HAS_EXPIRED);
    const auto x509 = first_of(leaf.certificate);
    const auto signer = first_of(root.pair.certificate);
    EXPECT_EQ(X509_verify(x509.get(), X509_get0_pubkey(signer.get())), 1);
    EXPECT_EQ(leaf.key_type, "EC P-256");
    EXPECT_EQ(leaf.issuer, "Moln local authority");
    EXPECT_EQ(leaf.fingerprint.size(), 64U);
}

TEST(Issue, every_local_suffix_is_permitted_and_nothing_else) {
    const Root root;
    for (const auto* host :
         {"localhost", "a.localhost", "nas.local", "a.b.test", "db.internal", "tv.home.arpa"}) {
        EXPECT_EQ(verify(root.leaf(host).certificate, root.pair.certificate, host), X509_V_OK)
            << host;
    }
    EXPECT_EQ(verify(root.leaf("*.shop.localhost").certificate, root.pair.certificate,
                     "x.shop.localhost"),
              X509_V_OK);
    for (const auto* host : {"bank.example.org", "nas"}) {
        EXPECT_EQ(verify(root.leaf(host).certificate, root.pair.certificate, host),
                  X509_V_ERR_PERMITTED_VIOLATION)
            << host;
    }
}

// Whoever steals its key could be any machine that is spoken to by its address.
TEST(Issue, no_address_is_permitted) {
    const Root root;
    const auto key = openssl::read_key(root.pair.key.reveal());
    for (const auto* names : {"DNS:a.test,IP:1.1.1.1", "DNS:a.test,IP:192.168.0.1",
                              "DNS:a.test,IP:2606:4700:4700::1111", "DNS:a.test"}) {
        const auto leaf = first_of(root.leaf("a.test").certificate);
        const openssl::Extension old(
            X509_delete_ext(leaf.get(), X509_get_ext_by_NID(leaf.get(), NID_subject_alt_name, -1)));
        const openssl::Extension name(
            X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, names));
        ASSERT_EQ(X509_add_ext(leaf.get(), name.get(), -1), 1);
        ASSERT_NE(X509_sign(leaf.get(), key->get(), EVP_sha256()), 0);
        const bool address = std::string_view(names).find("IP:") != std::string_view::npos;
        EXPECT_EQ(verify(openssl::to_pem(*leaf), root.pair.certificate, "a.test"),
                  address ? X509_V_ERR_EXCLUDED_VIOLATION : X509_V_OK)
            << names;
    }
}

TEST(Issue, serials_have_128_random_bits) {
    const Root root;
    const auto one = first_of(root.leaf("a.test").certificate);
    const auto other = first_of(root.leaf("a.test").certificate);
    const openssl::Number a(ASN1_INTEGER_to_BN(X509_get0_serialNumber(one.get()), nullptr));
    EXPECT_EQ(BN_num_bits(a.get()), 128);
    EXPECT_NE(
        ASN1_INTEGER_cmp(X509_get0_serialNumber(one.get()), X509_get0_serialNumber(other.get())),
        0);
}

TEST(Issue, what_is_no_host_is_refused) {
    const Root root;
    EXPECT_FALSE(sign_server(root.pair.certificate, root.pair.key, "a.test,DNS:bank.org", k_good));
    EXPECT_FALSE(sign_server("", root.pair.key, "a.test", k_good));
}

TEST(Inspect, reads_a_chain_and_its_key_in_any_order) {
    const Root root;
    const auto leaf = root.leaf("shop.test");
    for (const auto& pem : {leaf.certificate + root.pair.certificate + leaf.key.reveal(),
                            leaf.key.reveal() + "words between\n" + leaf.certificate}) {
        const auto found = inspect(pem);
        ASSERT_TRUE(found) << found.error().reason;
        EXPECT_EQ(found->certificate.hosts, std::vector<std::string>{"shop.test"});
        EXPECT_EQ(found->certificate.chain, leaf.certificate) << "the root is left out";
        EXPECT_EQ(found->certificate.not_before, k_good.from);
        EXPECT_EQ(found->certificate.not_after, k_good.until);
        EXPECT_EQ(found->certificate.issuer, "Moln local authority");
        EXPECT_EQ(found->certificate.fingerprint, leaf.fingerprint);
        EXPECT_EQ(found->key.reveal(), leaf.key.reveal());
    }
}

TEST(Inspect, takes_the_kinds_of_keys_that_clients_take) {
    const std::vector<std::pair<openssl::Key, std::string>> kinds = [] {
        std::vector<std::pair<openssl::Key, std::string>> list;
        list.emplace_back(EVP_EC_gen("P-256"), "EC P-256");
        list.emplace_back(EVP_EC_gen("P-384"), "EC P-384");
        list.emplace_back(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"), "Ed25519");
        list.emplace_back(EVP_RSA_gen(2048), "RSA 2048");
        return list;
    }();
    for (const auto& [key, words] : kinds) {
        const auto found = inspect(self_signed(key.get(), {k_names}));
        ASSERT_TRUE(found) << found.error().reason;
        EXPECT_EQ(found->certificate.key_type, words);
        EXPECT_EQ(found->certificate.hosts, std::vector<std::string>{"shop.example.org"});
    }
    for (auto* made : {EVP_RSA_gen(1024), EVP_EC_gen("P-521"), EVP_EC_gen("secp256k1")}) {
        const openssl::Key weak(made);
        EXPECT_TRUE(says(reason_of(self_signed(weak.get(), {k_names})), "expected EC P-256"));
    }
}

TEST(Inspect, keys_in_the_older_forms_are_read) {
    const openssl::Key key(EVP_EC_gen("P-256"));
    const auto pem = self_signed(key.get(), {k_names});
    const auto certificate = pem.substr(0, pem.find("-----BEGIN PRIVATE"));
    const openssl::Bio bio(BIO_new(BIO_s_mem()));
    PEM_write_bio_PrivateKey_traditional(bio.get(), key.get(), nullptr, nullptr, 0, nullptr,
                                         nullptr);
    char* bytes = nullptr;
    const auto size = BIO_get_mem_data(bio.get(), &bytes);
    const std::string old(bytes, static_cast<std::size_t>(size));
    EXPECT_TRUE(says(old, "BEGIN EC PRIVATE KEY"));
    EXPECT_TRUE(inspect(certificate + old));
    // As `openssl ecparam -genkey` writes it.
    EXPECT_TRUE(inspect(certificate +
                        "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n"
                        "-----END EC PARAMETERS-----\n" +
                        old));
}

TEST(Inspect, says_what_is_wrong_with_the_text) {
    const Root root;
    const auto leaf = root.leaf("shop.test");
    const auto key = leaf.key.reveal();
    EXPECT_TRUE(says(reason_of(""), "there is no certificate"));
    EXPECT_TRUE(says(reason_of(key), "there is no certificate"));
    EXPECT_TRUE(says(reason_of(leaf.certificate), "there is no private key"));
    auto torn = leaf.certificate;
    torn[torn.size() / 2] = '!';
    EXPECT_TRUE(says(reason_of(torn + key), "certificate 1 does not parse"));
    auto broken = key;
    broken.replace(40, 20, 20, '!');
    EXPECT_TRUE(says(reason_of(leaf.certificate + broken), "the private key does not parse"));
    EXPECT_TRUE(says(reason_of(leaf.certificate + key + key), "several private keys"));
    const openssl::Bio bio(BIO_new(BIO_s_mem()));
    const auto plain = openssl::read_key(key);
    char passphrase[] = "secret";
    PEM_write_bio_PKCS8PrivateKey(bio.get(), plain->get(), EVP_aes_128_cbc(), passphrase, 6,
                                  nullptr, nullptr);
    char* bytes = nullptr;
    const auto size = BIO_get_mem_data(bio.get(), &bytes);
    EXPECT_TRUE(
        says(reason_of(leaf.certificate + std::string(bytes, static_cast<std::size_t>(size))),
             "encrypted with a passphrase"));
}

TEST(Inspect, says_what_is_wrong_with_key_and_order) {
    const Root root;
    const auto leaf = root.leaf("shop.test");
    const auto other = root.leaf("shop.test");
    EXPECT_TRUE(says(reason_of(leaf.certificate + other.key.reveal()),
                     "does not belong to the first certificate"));
    EXPECT_TRUE(says(reason_of(root.pair.certificate + leaf.certificate + leaf.key.reveal()),
                     "the leaf is certificate 2"));
    EXPECT_TRUE(says(reason_of(leaf.certificate + Root().pair.certificate + leaf.key.reveal()),
                     "certificate 2 did not sign certificate 1"));
}

TEST(Inspect, says_what_is_wrong_with_the_times) {
    const Root root;
    const auto ended = root.leaf("shop.test", {k_good.from, k_now});
    EXPECT_TRUE(says(reason_of(ended.certificate + ended.key.reveal()), "ended on 2027-01-15"));
    const auto coming = root.leaf("shop.test", {k_now + seconds(1), k_good.until});
    EXPECT_TRUE(says(reason_of(coming.certificate + coming.key.reveal()), "is valid only from"));
    const auto just = root.leaf("shop.test", {k_now, k_now + seconds(1)});
    EXPECT_TRUE(inspect(just.certificate + just.key.reveal()));
}

TEST(Inspect, says_what_is_wrong_with_the_names_and_the_use) {
    const openssl::Key key(EVP_EC_gen("P-256"));
    EXPECT_TRUE(says(reason_of(self_signed(key.get(), {})), "it names no host"));
    EXPECT_TRUE(says(reason_of(self_signed(key.get(), {{NID_subject_alt_name, "IP:10.0.0.1"}})),
                     "it names no host"));
    EXPECT_TRUE(says(reason_of(self_signed(key.get(), {{NID_subject_alt_name, "DNS:a_b.org"}})),
                     "no host's"));
    EXPECT_TRUE(
        says(reason_of(self_signed(key.get(), {k_names, {NID_ext_key_usage, "clientAuth"}})),
             "lacks serverAuth"));
}

TEST(Inspect, limits_hold) {
    const openssl::Key key(EVP_EC_gen("P-256"));
    const auto many = [&](std::size_t count) {
        std::string names;
        for (std::size_t i = 0; i < count; ++i) {
            names += (i == 0 ? "DNS:h" : ",DNS:h") + std::to_string(i) + ".example.org";
        }
        return self_signed(key.get(), {{NID_subject_alt_name, names}});
    };
    EXPECT_TRUE(inspect(many(k_certificate_hosts_max)));
    EXPECT_TRUE(says(reason_of(many(k_certificate_hosts_max + 1)), "at most 100"));
    auto pem = many(1);
    pem.resize(k_certificate_bytes_max, '\n');
    EXPECT_TRUE(inspect(pem));
    EXPECT_TRUE(says(reason_of(pem + "\n"), "at most 65536"));
    const Root root;
    std::string chain = root.leaf("a.test").certificate;
    for (std::size_t i = 0; i < k_certificate_chain_max; ++i) chain += root.pair.certificate;
    EXPECT_TRUE(says(reason_of(chain), "at most 10"));
}

// Whatever becomes of a bundle on its way: no piece of the key is in what is kept or told.
TEST(Inspect, no_piece_of_a_key_is_in_what_is_kept_or_told) {
    const TempDir dir;
    const auto seals = SealBox::open(dir.path() + "/key");
    RealCertificates works(*seals);
    const Root root;
    const auto leaf = root.leaf("shop.test");
    // Of PKCS #8 with P-256 the bytes 36 to 67 are the private number, what follows is the public
    // key and stands in the certificate too; four letters are three bytes, 64 a line.
    const auto pieces = [&](const std::string& text) {
        constexpr std::size_t k_piece = 12;
        const auto& key = leaf.key.reveal();
        const auto begin = key.find('\n') + 1 + 48;
        for (auto at = begin; at < begin + 16 + 1 + 24 - k_piece; ++at) {
            if (text.find(key.substr(at, k_piece)) != std::string::npos) return true;
        }
        return false;
    };
    EXPECT_TRUE(pieces(leaf.key.reveal()));
    EXPECT_TRUE(rc::check([&] {
        auto bundle = leaf.certificate + leaf.key.reveal();
        const auto changes = *rc::gen::inRange(0, 4);
        for (int i = 0; i < changes; ++i) {
            const auto at = *rc::gen::inRange<std::size_t>(0, bundle.size());
            if (*rc::gen::arbitrary<bool>()) bundle.resize(at + 1);
            bundle[at % bundle.size()] = *rc::gen::inRange<char>('\n', '~');
        }
        const auto found = works.inspect(Secret(bundle), k_now);
        if (!found) {
            RC_ASSERT(!pieces(found.error().reason));
            return;
        }
        auto kept = found->certificate;
        kept.id = CertificateId("cert-a");
        kept.sealed_key = *works.seal_key(kept.id, found->key);
        RC_ASSERT(!pieces(to_json_text(kept)));
    }));
}

TEST(RealCertificates, issues_sealed_and_verifiable_ones) {
    const TempDir dir;
    const auto seals = SealBox::open(dir.path() + "/key");
    ASSERT_TRUE(seals);
    RealCertificates works(*seals);
    const auto authority = works.make_authority(k_now);
    ASSERT_TRUE(authority);
    EXPECT_EQ(authority->not_after, k_now + k_authority_life);
    const CertificateId id("cert-a");
    const auto issued = works.issue(*authority, id, "shop.localhost", k_now);
    ASSERT_TRUE(issued) << issued.error().reason;
    EXPECT_EQ(issued->not_after, k_now + k_local_certificate_life);
    EXPECT_EQ(issued->source, CertificateSource::local);
    EXPECT_EQ(verify(issued->chain, authority->certificate, "shop.localhost"), X509_V_OK);
    // No key's text in what is stored.
    for (const auto& text : {to_json_text(*authority), to_json_text(*issued)}) {
        EXPECT_EQ(text.find("PRIVATE KEY"), std::string::npos);
    }
    // It opens for its own id alone, and belongs to the certificate.
    const auto edge = seals->for_purpose(k_seal_certificates);
    EXPECT_FALSE(edge.unseal(issued->sealed_key, seal_context(CertificateId("cert-b"))));
    const auto key = edge.unseal(issued->sealed_key, seal_context(id));
    ASSERT_TRUE(key);
    EXPECT_TRUE(works.inspect(Secret(issued->chain + key->reveal()), k_now));
}

TEST(RealCertificates, an_authority_of_another_key_file_issues_nothing) {
    const TempDir dir;
    const auto one = SealBox::open(dir.path() + "/one");
    const auto other = SealBox::open(dir.path() + "/other");
    const auto authority = RealCertificates(*one).make_authority(k_now);
    const auto issued =
        RealCertificates(*other).issue(*authority, CertificateId("cert-a"), "a.test", k_now);
    ASSERT_FALSE(issued);
    EXPECT_EQ(issued.error().code, ErrorCode::corrupt);
}

}  // namespace
}  // namespace moln
