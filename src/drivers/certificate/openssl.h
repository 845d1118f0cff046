// Owners of OpenSSL's objects and small readings of them, for this folder only.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "base/result.h"
#include "base/secret.h"
#include "base/units.h"

namespace moln::openssl {

template <auto free>
struct Free {
    template <typename T>
    void operator()(T* one) const {
        free(one);
    }
};
using Bio = std::unique_ptr<BIO, Free<BIO_free_all>>;
using Number = std::unique_ptr<BIGNUM, Free<BN_free>>;
using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using X509Certificate = std::unique_ptr<X509, Free<X509_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, Free<X509_EXTENSION_free>>;
using Names = std::unique_ptr<GENERAL_NAMES, Free<GENERAL_NAMES_free>>;

// `internal`, with OpenSSL's own words of the first error in its queue, which is emptied.
Error error(std::string_view what);

Bio reader(std::string_view text);  // `text` outlives it

// All certificates in the text, other PEM blocks left out; `invalid` for one that does not parse.
Result<std::vector<X509Certificate>> read_certificates(std::string_view pem);

// The one private key in the text, other PEM blocks left out. `invalid`: none, several, encrypted,
// broken.
Result<Key> read_key(std::string_view pem);

std::string to_pem(X509& certificate);
Secret to_pem(EVP_PKEY& key);  // PKCS #8

std::string fingerprint(X509& certificate);  // SHA-256, 64 hexadecimal digits
WallTime time_of(const ASN1_TIME* time);
std::string issuer_words(X509& certificate);  // common name, else organisation; at most 128 bytes

// "EC P-256"; "" for a kind or size that is too weak or that clients do not take.
std::string key_words(EVP_PKEY& key);

}  // namespace moln::openssl
