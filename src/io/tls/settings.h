// The ciphers and groups that both sides offer: of TLS 1.2 and 1.3, as Mozilla's guide calls
// intermediate (version 5.7).
#pragma once

#include <openssl/ssl.h>

namespace moln::tls {

// Versions, ciphers, groups; no renegotiation, no compression; writing in parts. False: OpenSSL
// cannot.
bool set_intermediate(SSL_CTX* context);

}  // namespace moln::tls
