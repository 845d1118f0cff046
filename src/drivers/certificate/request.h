// What a public authority is asked and answered with (PKCS #10, RFC 8737): keys and requests, made
// in memory. Not who is asked: see drivers/acme.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"
#include "base/units.h"

namespace moln {

struct CertificateRequest {
    std::string request;  // PEM
    Secret key;           // PEM, PKCS #8
};

// EC P-256.
Result<Secret> make_account_key();

// For `host` alone, with a fresh EC P-256 key.
Result<CertificateRequest> make_request(const std::string& host);

struct ChallengeCertificate {
    std::string certificate;  // PEM, self-signed
    Secret key;
};

// What tls-alpn-01 shows for `host` (RFC 8737, 3): `digest` is the SHA-256 of the key
// authorization as base64url without padding. `invalid` for one that is none.
Result<ChallengeCertificate> make_challenge_certificate(const std::string& host,
                                                        std::string_view digest, WallTime now);

}  // namespace moln
