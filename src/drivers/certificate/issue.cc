#include "drivers/certificate/issue.h"

#include <openssl/ec.h>

#include "drivers/certificate/x509.h"
#include "model/validate.h"

namespace moln {
namespace {

constexpr long k_version_3 = 2;  // counted from 0
constexpr int k_serial_bits = 128;
constexpr std::size_t k_common_name_max = 64;  // RFC 5280, ub-common-name
constexpr const char* k_root_name = "Moln local authority";

bool set_serial(X509& certificate) {
    const openssl::Number number(BN_new());
    return number != nullptr &&
           BN_rand(number.get(), k_serial_bits, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
           BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(&certificate)) != nullptr;
}

bool set_time(ASN1_TIME* place, WallTime time) {
    return ASN1_TIME_set(place, static_cast<std::time_t>(time.ms / 1000)) != nullptr;
}

bool add_entry(X509_NAME* name, int kind, const std::string& text) {
    return X509_NAME_add_entry_by_NID(name, kind, MBSTRING_UTF8,
                                      reinterpret_cast<const unsigned char*>(text.data()),
                                      static_cast<int>(text.size()), -1, 0) == 1;
}

bool add_extension(X509& certificate, X509& issuer, int kind, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, &issuer, &certificate, nullptr, nullptr, 0);
    const openssl::Extension extension(X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str()));
    return extension != nullptr && X509_add_ext(&certificate, extension.get(), -1) == 1;
}

struct Blank {
    openssl::X509Certificate certificate;
    openssl::Key key;
};

Result<Blank> make_blank(const Validity& validity) {
    Blank blank{openssl::X509Certificate(X509_new()), openssl::Key(EVP_EC_gen("P-256"))};
    auto* x509 = blank.certificate.get();
    if (x509 == nullptr || !blank.key || X509_set_version(x509, k_version_3) != 1 ||
        !set_serial(*x509) || !set_time(X509_getm_notBefore(x509), validity.from) ||
        !set_time(X509_getm_notAfter(x509), validity.until) ||
        X509_set_pubkey(x509, blank.key.get()) != 1) {
        return fail(openssl::error("a certificate could not be made"));
    }
    return blank;
}

Result<IssuedPair> finish(const Blank& blank, EVP_PKEY& signer) {
    if (X509_sign(blank.certificate.get(), &signer, EVP_sha256()) == 0) {
        return fail(openssl::error("a certificate could not be signed"));
    }
    return IssuedPair{openssl::to_pem(*blank.certificate), openssl::to_pem(*blank.key),
                      openssl::fingerprint(*blank.certificate),
                      openssl::issuer_words(*blank.certificate), openssl::key_words(*blank.key)};
}

}  // namespace

Result<IssuedPair> make_root(const Validity& validity) {
    MOLN_ASSIGN(const auto blank, make_blank(validity));
    auto& root = *blank.certificate;
    auto* name = X509_get_subject_name(&root);
    const bool whole =
        add_entry(name, NID_organizationName, "Moln") &&
        add_entry(name, NID_commonName, k_root_name) && X509_set_issuer_name(&root, name) == 1 &&
        add_extension(root, root, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
        add_extension(root, root, NID_key_usage, "critical,keyCertSign,cRLSign") &&
        add_extension(root, root, NID_subject_key_identifier, "hash") &&
        add_extension(root, root, NID_name_constraints,
                      "critical,permitted;DNS:localhost,permitted;DNS:local,permitted;DNS:test,"
                      "permitted;DNS:internal,permitted;DNS:home.arpa,"
                      // A kind of name that is not spoken of is permitted whole.
                      "excluded;IP:0.0.0.0/0.0.0.0,"
                      "excluded;IP:0:0:0:0:0:0:0:0/0:0:0:0:0:0:0:0");
    if (!whole) return fail(openssl::error("the local authority could not be made"));
    return finish(blank, *blank.key);
}

Result<IssuedPair> sign_server(const std::string& root_certificate, const Secret& root_key,
                               const std::string& host, const Validity& validity) {
    if (auto good = validate_host(host); !good) return fail_in("host", good.error());
    MOLN_ASSIGN(const auto roots, openssl::read_certificates(root_certificate));
    if (roots.size() != 1) {
        return fail(ErrorCode::corrupt, "the local authority's certificate is not whole");
    }
    MOLN_ASSIGN(const auto signer, openssl::read_key(root_key.reveal()));
    MOLN_ASSIGN(const auto blank, make_blank(validity));
    auto& leaf = *blank.certificate;
    auto& root = *roots.front();
    auto* name = X509_get_subject_name(&leaf);
    const bool whole = add_entry(name, NID_organizationName, "Moln") &&
                       (host.size() > k_common_name_max || add_entry(name, NID_commonName, host)) &&
                       X509_set_issuer_name(&leaf, X509_get_subject_name(&root)) == 1 &&
                       add_extension(leaf, root, NID_basic_constraints, "critical,CA:FALSE") &&
                       add_extension(leaf, root, NID_key_usage, "critical,digitalSignature") &&
                       add_extension(leaf, root, NID_ext_key_usage, "serverAuth") &&
                       add_extension(leaf, root, NID_subject_alt_name, "DNS:" + host) &&
                       add_extension(leaf, root, NID_subject_key_identifier, "hash") &&
                       add_extension(leaf, root, NID_authority_key_identifier, "keyid");
    if (!whole) return fail(openssl::error("the certificate of " + host + " could not be made"));
    return finish(blank, *signer);
}

}  // namespace moln
