#include "drivers/certificate/request.h"

#include <array>
#include <cstdint>
#include <ctime>
#include <optional>

#include <openssl/asn1.h>
#include <openssl/ec.h>
#include <openssl/objects.h>
#include <openssl/pem.h>

#include "drivers/certificate/x509.h"
#include "model/validate.h"

namespace moln {
namespace {

constexpr std::size_t k_digest_bytes = 32;  // SHA-256
using Digest = std::array<unsigned char, k_digest_bytes>;
constexpr const char* k_acme_identifier = "1.3.6.1.5.5.7.1.31";  // RFC 8737, 6.1
constexpr Milliseconds k_challenge_life = days(7);
constexpr Milliseconds k_challenge_backdated = days(1);

using Request = std::unique_ptr<X509_REQ, openssl::Free<X509_REQ_free>>;
using Object = std::unique_ptr<ASN1_OBJECT, openssl::Free<ASN1_OBJECT_free>>;
using Octets = std::unique_ptr<ASN1_OCTET_STRING, openssl::Free<ASN1_OCTET_STRING_free>>;

void free_extensions(STACK_OF(X509_EXTENSION) * stack) {
    sk_X509_EXTENSION_pop_free(stack, X509_EXTENSION_free);
}
using Extensions = std::unique_ptr<STACK_OF(X509_EXTENSION), openssl::Free<free_extensions>>;

openssl::Extension name_extension(const std::string& host) {
    return openssl::Extension(
        X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, ("DNS:" + host).c_str()));
}

// One host and no wildcard: what stands in a configuration line must not become two.
Status check_host(const std::string& host) {
    if (auto good = validate_host(host); !good) return fail_in("host", good.error());
    if (host.find('*') == std::string::npos) return {};
    return fail(ErrorCode::invalid, "host: a wildcard cannot be proved by looking at it");
}

int value_of(char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    if (c == '-') return 62;
    return c == '_' ? 63 : -1;
}

// base64url of exactly 32 bytes: 43 letters, the last two bits of which are 0 (RFC 4648, 5).
std::optional<Digest> read_digest(std::string_view text) {
    constexpr std::size_t k_letters = (k_digest_bytes * 8 + 5) / 6;
    if (text.size() != k_letters) return std::nullopt;
    Digest digest{};
    std::uint32_t bits = 0;
    int count = 0;
    std::size_t at = 0;
    for (const char c : text) {
        const int value = value_of(c);
        if (value < 0) return std::nullopt;
        bits = (bits << 6) | static_cast<std::uint32_t>(value);
        count += 6;
        if (count < 8) continue;
        count -= 8;
        digest.at(at++) = static_cast<unsigned char>(bits >> count);
        bits &= (1U << count) - 1;
    }
    return bits == 0 ? std::optional(digest) : std::nullopt;
}

// The value is the digest as an OCTET STRING, itself within the extension's.
openssl::Extension digest_extension(const Digest& digest) {
    const Object kind(OBJ_txt2obj(k_acme_identifier, 1));
    const Octets inner(ASN1_OCTET_STRING_new());
    const Octets outer(ASN1_OCTET_STRING_new());
    if (!kind || !inner || !outer ||
        ASN1_OCTET_STRING_set(inner.get(), digest.data(), k_digest_bytes) != 1) {
        return nullptr;
    }
    unsigned char* bytes = nullptr;
    const int size = i2d_ASN1_OCTET_STRING(inner.get(), &bytes);
    const bool set = size > 0 && ASN1_OCTET_STRING_set(outer.get(), bytes, size) == 1;
    OPENSSL_free(bytes);
    constexpr int k_critical = 1;
    return openssl::Extension(
        set ? X509_EXTENSION_create_by_OBJ(nullptr, kind.get(), k_critical, outer.get()) : nullptr);
}

bool set_time(ASN1_TIME* place, WallTime time) {
    return ASN1_TIME_set(place, static_cast<std::time_t>(time.ms / 1000)) != nullptr;
}

}  // namespace

Result<Secret> make_account_key() {
    const openssl::Key key(EVP_EC_gen("P-256"));
    if (!key) return fail(openssl::error("a key could not be made"));
    return openssl::to_pem(*key);
}

Result<CertificateRequest> make_request(const std::string& host) {
    MOLN_TRY(check_host(host));
    const openssl::Key key(EVP_EC_gen("P-256"));
    const Request request(X509_REQ_new());
    const auto name = name_extension(host);
    const Extensions extensions(sk_X509_EXTENSION_new_null());
    const bool whole =
        key && request && name && extensions && X509_REQ_set_version(request.get(), 0) == 1 &&
        X509v3_add_ext(std::array{extensions.get()}.data(), name.get(), -1) != nullptr &&
        X509_REQ_add_extensions(request.get(), extensions.get()) == 1 &&
        X509_REQ_set_pubkey(request.get(), key.get()) == 1 &&
        X509_REQ_sign(request.get(), key.get(), EVP_sha256()) != 0;
    const openssl::Bio bio(BIO_new(BIO_s_mem()));
    if (!whole || !bio || PEM_write_bio_X509_REQ(bio.get(), request.get()) != 1) {
        return fail(openssl::error("the request for " + host + " could not be made"));
    }
    return CertificateRequest{openssl::bytes_of(*bio), openssl::to_pem(*key)};
}

Result<ChallengeCertificate> make_challenge_certificate(const std::string& host,
                                                        std::string_view digest, WallTime now) {
    MOLN_TRY(check_host(host));
    const auto bytes = read_digest(digest);
    if (!bytes) return fail(ErrorCode::invalid, "the authority's challenge has no digest");
    constexpr long k_version_3 = 2;  // counted from 0
    const openssl::Key key(EVP_EC_gen("P-256"));
    const openssl::X509Certificate made(X509_new());
    const auto name = name_extension(host);
    const auto proof = digest_extension(*bytes);
    const bool whole = key && made && name && proof &&
                       X509_set_version(made.get(), k_version_3) == 1 &&
                       ASN1_INTEGER_set(X509_get_serialNumber(made.get()), 1) == 1 &&
                       set_time(X509_getm_notBefore(made.get()),
                                now + Milliseconds{-k_challenge_backdated.count}) &&
                       set_time(X509_getm_notAfter(made.get()), now + k_challenge_life) &&
                       X509_set_pubkey(made.get(), key.get()) == 1 &&
                       X509_add_ext(made.get(), name.get(), -1) == 1 &&
                       X509_add_ext(made.get(), proof.get(), -1) == 1 &&
                       X509_sign(made.get(), key.get(), EVP_sha256()) != 0;
    if (!whole) return fail(openssl::error("the challenge of " + host + " could not be made"));
    return ChallengeCertificate{openssl::to_pem(*made), openssl::to_pem(*key)};
}

}  // namespace moln
