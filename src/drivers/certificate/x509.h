// Readings and writings of certificates, for this folder only.
#pragma once

#include <memory>
#include <string>

#include <openssl/bn.h>
#include <openssl/x509v3.h>

#include "base/secret.h"
#include "base/units.h"
#include "io/tls/openssl.h"

namespace moln::openssl {

using Number = std::unique_ptr<BIGNUM, Free<BN_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, Free<X509_EXTENSION_free>>;
using Names = std::unique_ptr<GENERAL_NAMES, Free<GENERAL_NAMES_free>>;

std::string bytes_of(BIO& memory);
std::string to_pem(X509& certificate);
Secret to_pem(EVP_PKEY& key);  // PKCS #8

std::string fingerprint(X509& certificate);  // SHA-256, 64 hexadecimal digits
WallTime time_of(const ASN1_TIME* time);
std::string issuer_words(X509& certificate);  // common name, else organisation; at most 128 bytes

// "EC P-256"; "" for a kind or size that is too weak or that clients do not take.
std::string key_words(EVP_PKEY& key);

}  // namespace moln::openssl
