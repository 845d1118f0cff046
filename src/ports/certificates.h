// X.509 as a service: looks at what people bring, and issues what the local authority signs. Keys
// leave it sealed or as Secret, never as text. Loop thread only, but for ask_staple(): the slowest
// other call makes an EC key pair, less than a millisecond.
#pragma once

#include <string>

#include "base/result.h"
#include "base/secret.h"
#include "model/resources.h"
#include "model/staple.h"

namespace moln {

inline constexpr Milliseconds k_staple_limit = seconds(20);

struct InspectedCertificate {
    Certificate certificate;  // without id, sealed_key and created
    Secret key;               // PEM, PKCS #8
};

class Certificates {
public:
    virtual ~Certificates() = default;

    // `pem`: certificates, leaf first, and the leaf's private key, in one text in any order. A root
    // at the end is left out. `invalid` says what is wrong and what to do: it does not parse, the
    // key is another's or encrypted, the order, ended or not begun, no DNS name, a weak key, too
    // large.
    virtual Result<InspectedCertificate> inspect(const Secret& pem, WallTime now) = 0;

    virtual Result<std::string> seal_key(const CertificateId& id, const Secret& key) = 0;

    // A fresh key of an ACME account (model/acme.h), sealed for k_acme_key.
    virtual Result<std::string> make_account_key() = 0;

    // `invalid`: there is no certificate in it, one does not parse, or it is longer than
    // k_acme_ca_bundle_bytes_max.
    virtual Status check_ca_bundle(const std::string& pem) = 0;

    // A fresh root with a key of its own, valid from a year ago (so that a clock which is set back
    // does not undo it) for k_authority_life from now.
    virtual Result<Authority> make_authority(WallTime now) = 0;

    // A certificate for `host` alone with a fresh key, valid from a day ago for
    // k_local_certificate_life from now. `corrupt` when the authority's key does not open.
    virtual Result<Certificate> issue(const Authority& authority, const CertificateId& id,
                                      const std::string& host, WallTime now) = 0;

    // Fresh keys of session tickets, the moment they were made with them (io/tls/shared_keys.h),
    // sealed for ticket_context(id).
    virtual Result<std::string> make_ticket_key(const std::string& id, WallTime now) = 0;

    // What a certificate and the staple kept with it say of OCSP, and whether its key opens.
    virtual StapleFacts staple_facts(const Certificate& certificate) = 0;

    // Asks the responder of the certificate's facts (RFC 6960, RFC 5019): it is good, and this
    // says so. Blocks, at most k_staple_limit: in the pool, from any thread. The error has what
    // the responder said; `failed`: that it is revoked, signed.
    virtual Result<Staple> ask_staple(const Certificate& certificate, WallTime now) = 0;
};

}  // namespace moln
