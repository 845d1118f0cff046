// Whose certificates the clients of a route show, and whether one that was shown is theirs. Filled
// once, then immutable, for any number of threads.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "io/tls/openssl.h"

namespace moln::tls {

// Between a client's own certificate and the authority that is trusted.
inline constexpr int k_client_chain_depth_max = 8;

class ClientAuthorities {
public:
    // `pem`: one certificate or more. Each is trusted by itself, be it a root or not: one that
    // another signed, and one of a client's own that nobody signed. With lists of revoked
    // certificates (RFC 5280 5) among them, whoever signed a client's must have one that is valid
    // now, and the client's must not be in it.
    static Result<std::shared_ptr<const ClientAuthorities>> parse(std::string_view pem);

    // Of a client whose handshake proved that it has the key: nothing if it is theirs, valid now
    // and for clients (RFC 5280 6, extended key usage); else why not, for the client's user to
    // read. `others`: what was sent beside it to lead to an authority; may be null.
    std::optional<std::string> refuse(X509* leaf, STACK_OF(X509) * others) const;

    const std::vector<openssl::X509Certificate>& certificates() const { return certificates_; }

private:
    ClientAuthorities() = default;

    std::vector<openssl::X509Certificate> certificates_;
    bool has_revocations_ = false;
    std::unique_ptr<X509_STORE, openssl::Free<X509_STORE_free>> store_;
};

}  // namespace moln::tls
