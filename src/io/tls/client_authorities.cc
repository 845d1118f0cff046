#include "io/tls/client_authorities.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>

#include "base/check.h"

namespace moln::tls {
namespace {

using StoreContext = std::unique_ptr<X509_STORE_CTX, openssl::Free<X509_STORE_CTX_free>>;

// As OpenSSL's default for connections: keys and digests of 112 bits and more.
constexpr int k_security_level = 2;

std::string words_of(int error) {
    switch (error) {
        case X509_V_ERR_CERT_HAS_EXPIRED: return "it, or one above it, has ended";
        case X509_V_ERR_CERT_NOT_YET_VALID: return "it, or one above it, is not valid yet";
        case X509_V_ERR_INVALID_PURPOSE:
            return "its extended key usage, or that of one above it, is not for clients";
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
        case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
            return "it is of no authority that is trusted here";
        case X509_V_ERR_CERT_REVOKED: return "it was revoked";
        case X509_V_ERR_UNABLE_TO_GET_CRL:
            return "there is no list here of what its authority has revoked";
        case X509_V_ERR_CRL_HAS_EXPIRED:
            return "the list of what its authority has revoked has ended";
        case X509_V_ERR_CRL_NOT_YET_VALID:
            return "the list of what its authority has revoked is not valid yet";
        case X509_V_ERR_CERT_CHAIN_TOO_LONG: return "its chain is too long";
        default: return X509_verify_cert_error_string(error);
    }
}

}  // namespace

Result<std::shared_ptr<const ClientAuthorities>> ClientAuthorities::parse(std::string_view pem) {
    std::shared_ptr<ClientAuthorities> made(new ClientAuthorities);
    MOLN_ASSIGN(made->certificates_, openssl::read_certificates(pem));
    if (made->certificates_.empty()) {
        return fail(ErrorCode::invalid, "there is no certificate of an authority");
    }
    made->store_.reset(X509_STORE_new());
    CHECK(made->store_ != nullptr);
    for (const auto& one : made->certificates_) {
        // One that is there twice is no error.
        if (X509_STORE_add_cert(made->store_.get(), one.get()) != 1) {
            return fail(openssl::error("an authority cannot be taken"));
        }
    }
    MOLN_ASSIGN(const auto lists, openssl::read_revocations(pem));
    for (const auto& one : lists) {
        if (X509_STORE_add_crl(made->store_.get(), one.get()) != 1) {
            return fail(openssl::error("a list of revoked certificates cannot be taken"));
        }
    }
    made->has_revocations_ = !lists.empty();
    return std::shared_ptr<const ClientAuthorities>(std::move(made));
}

std::optional<std::string> ClientAuthorities::refuse(X509* leaf, STACK_OF(X509) * others) const {
    const StoreContext context(X509_STORE_CTX_new());
    const bool good = context != nullptr &&
                      X509_STORE_CTX_init(context.get(), store_.get(), leaf, others) == 1 &&
                      X509_STORE_CTX_set_default(context.get(), "ssl_client") == 1;
    if (!good) {
        ERR_clear_error();
        return "the edge is out of memory";
    }
    X509_VERIFY_PARAM* rules = X509_STORE_CTX_get0_param(context.get());
    X509_VERIFY_PARAM_set_depth(rules, k_client_chain_depth_max);
    X509_VERIFY_PARAM_set_auth_level(rules, k_security_level);
    X509_VERIFY_PARAM_set_flags(rules, X509_V_FLAG_PARTIAL_CHAIN);
    if (has_revocations_) X509_VERIFY_PARAM_set_flags(rules, X509_V_FLAG_CRL_CHECK);
    const int verdict = X509_verify_cert(context.get());
    const int error = X509_STORE_CTX_get_error(context.get());
    ERR_clear_error();
    if (verdict == 1) return std::nullopt;
    return words_of(error);
}

}  // namespace moln::tls
