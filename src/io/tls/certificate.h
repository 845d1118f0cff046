// A certificate with its chain and its private key, as a TLS server shows them. Immutable, for any
// number of threads.
#pragma once

#include <memory>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"
#include "io/tls/openssl.h"

namespace moln::tls {

class Certificate {
public:
    // `chain`: PEM, the leaf first, without the root. `key`: PEM of the leaf's private key. Invalid
    // when one is not that, when they do not belong together, or past k_certificate_chain_max.
    static Result<std::shared_ptr<const Certificate>> parse(std::string_view chain,
                                                            const Secret& key);

    // Makes a connection show it. False: out of memory.
    bool show(SSL* ssl) const;

private:
    Certificate() = default;

    openssl::X509Certificate leaf_;
    openssl::X509Stack others_;
    openssl::Key key_;
};

}  // namespace moln::tls
