// OpenSSL's objects as owned values.
#pragma once

#include <memory>
#include <string>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

namespace moln::tls {

template <auto Free>
struct Freed {
    template <typename T>
    void operator()(T* object) const {
        Free(object);
    }
};
inline void free_chain(STACK_OF(X509) * chain) {
    sk_X509_pop_free(chain, X509_free);
}

using BioHandle = std::unique_ptr<BIO, Freed<BIO_free_all>>;
using KeyHandle = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using X509Handle = std::unique_ptr<X509, Freed<X509_free>>;
using ChainHandle = std::unique_ptr<STACK_OF(X509), Freed<free_chain>>;
using ContextHandle = std::unique_ptr<SSL_CTX, Freed<SSL_CTX_free>>;
using SslHandle = std::unique_ptr<SSL, Freed<SSL_free>>;

// What OpenSSL has to say about the last failure of this thread, which is forgotten by it.
std::string take_reason();

}  // namespace moln::tls
