// A certificate authority of EC P-256 keys: makes its root and signs servers' certificates
// (RFC 5280). Not whom it signs for, and not where its keys are kept.
#pragma once

#include <string>

#include "base/result.h"
#include "base/secret.h"
#include "base/units.h"

namespace moln {

struct IssuedPair {
    std::string certificate;  // PEM
    Secret key;               // PEM, PKCS #8
    std::string fingerprint;  // SHA-256
    std::string issuer;
    std::string key_type;
};

struct Validity {
    WallTime from;
    WallTime until;  // both to the second
};

// Its name constraints (RFC 5280, 4.2.1.10) permit what lies below the local suffixes and nothing
// else, addresses neither: whoever steals the key cannot speak for a bank. A name of one label
// cannot be permitted without naming it, so that clients refuse those even when they trust this
// root.
Result<IssuedPair> make_root(const Validity& validity);

// `host`: a name or "*.name" that validate_host() takes.
Result<IssuedPair> sign_server(const std::string& root_certificate, const Secret& root_key,
                               const std::string& host, const Validity& validity);

}  // namespace moln
