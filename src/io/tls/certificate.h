// A certificate with its chain and its private key, as a TLS server shows them. Immutable, for any
// number of threads.
#pragma once

#include <memory>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"
#include "io/tls/handles.h"

namespace moln::tls {

inline constexpr int k_chain_certificates_max = 10;

class Certificate {
public:
    // `chain`: PEM, the leaf first, without the root. `key`: PEM of the leaf's private key. Invalid
    // when one is not that, or when they do not belong together.
    static Result<std::shared_ptr<const Certificate>> parse(std::string_view chain,
                                                            const Secret& key);

    // Makes a connection show it. False: out of memory.
    bool show(SSL* ssl) const;

private:
    Certificate() = default;

    X509Handle leaf_;
    ChainHandle others_;
    KeyHandle key_;
};

}  // namespace moln::tls
