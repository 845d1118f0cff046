// OpenSSL's objects as owned values, its errors as ours, and PEM (RFC 7468) read without surprises.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/result.h"

namespace moln::openssl {

template <auto free>
struct Free {
    template <typename T>
    void operator()(T* one) const {
        free(one);
    }
};
inline void free_stack(STACK_OF(X509) * stack) {
    sk_X509_pop_free(stack, X509_free);
}

using Bio = std::unique_ptr<BIO, Free<BIO_free_all>>;
using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using X509Certificate = std::unique_ptr<X509, Free<X509_free>>;
using X509Revocations = std::unique_ptr<X509_CRL, Free<X509_CRL_free>>;
using X509Stack = std::unique_ptr<STACK_OF(X509), Free<free_stack>>;
using Context = std::unique_ptr<SSL_CTX, Free<SSL_CTX_free>>;
using Connection = std::unique_ptr<SSL, Free<SSL_free>>;

// `internal`, with OpenSSL's own words of the first error in its queue, which is emptied.
Error error(std::string_view what);

Bio reader(std::string_view text);  // `text` outlives it

// All certificates in the text, other PEM blocks left out; `invalid` for one that does not parse.
Result<std::vector<X509Certificate>> read_certificates(std::string_view pem);

// All lists of revoked certificates in the text, as read_certificates().
Result<std::vector<X509Revocations>> read_revocations(std::string_view pem);

// The one private key in the text, other PEM blocks left out. `invalid`: none, several, encrypted,
// broken.
Result<Key> read_key(std::string_view pem);

}  // namespace moln::openssl
