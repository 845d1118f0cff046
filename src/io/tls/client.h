// What all TLS connections to other edges have in common: versions, ciphers, whom is believed. Not
// for the web's servers: nobody but the given authorities is.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "io/tls/openssl.h"

namespace moln::tls {

// What both kinds of client begin with: our versions and ciphers, HTTP/1.1, and a server that
// proves who it is to whoever the caller then trusts. Null: OpenSSL cannot.
openssl::Context client_context();
// The server must be of that name, which it is asked by (SNI), or of that literal address. False:
// no memory.
bool expect_server(SSL* ssl, const std::string& name);

class Client {
public:
    // `authorities`: PEM, at least one. Invalid if it is none.
    static Result<std::shared_ptr<const Client>> create(std::string_view authorities);

    // A connection before its handshake, which fails unless the server shows a certificate of
    // these authorities for `host` (RFC 6125, 6.4). Speaks HTTP/1.1. Null: no memory.
    openssl::Connection connection(const std::string& host) const;

private:
    Client() = default;

    openssl::Context context_;
};

}  // namespace moln::tls
