// A certificate with its chain and its private key, as a TLS server shows them. Immutable, for any
// number of threads.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"
#include "base/units.h"
#include "io/tls/openssl.h"

namespace moln::tls {

class Certificate {
public:
    // `chain`: PEM, the leaf first, without the root. `key`: PEM of the leaf's private key.
    // `staple`: base64 of what its authority says of it (OCSP), "" for none; one that is none is
    // left out. Invalid
    // when one is not that, when they do not belong together, or past k_certificate_chain_max.
    static Result<std::shared_ptr<const Certificate>> parse(std::string_view chain,
                                                            const Secret& key,
                                                            std::string_view staple = {});

    // Makes a connection show it. False: out of memory.
    bool show(SSL* ssl) const;

    // What its authority says of it, DER; "" for none that is still valid.
    std::string_view staple(WallTime now) const;

private:
    Certificate() = default;

    openssl::X509Certificate leaf_;
    openssl::X509Stack others_;
    openssl::Key key_;
    std::string staple_;
    WallTime staple_until_;
};

}  // namespace moln::tls
