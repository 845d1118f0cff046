// What all TLS connections of a server have in common: versions, ciphers, tickets, protocols.
// TLS 1.2 and 1.3 with the settings that Mozilla's guide calls intermediate (version 5.7), without
// renegotiation, compression, stateful sessions and early data.
#pragma once

#include <memory>
#include <string_view>

#include "base/result.h"
#include "io/tls/openssl.h"
#include "io/tls/sites.h"
#include "io/tls/ticket_keys.h"

namespace moln::tls {

class Server {
public:
    static Result<std::unique_ptr<Server>> create();

    // A connection before its handshake. `sites` must live until that is done. Null: no memory.
    openssl::Connection connection(const Sites& sites) const;

    // Of the tickets that its connections get and bring.
    TicketKeys& tickets() { return *tickets_; }

private:
    Server() = default;

    openssl::Context context_;
    std::unique_ptr<TicketKeys> tickets_ = std::make_unique<TicketKeys>();
};

// The protocol of a certificate authority that looks at a certificate made for it alone (RFC 8737).
inline constexpr std::string_view k_acme_protocol = "acme-tls/1";

// The handshake was such a look: no byte of an application may follow, the connection is to end.
bool is_challenge(const SSL* ssl);

// The name that the client asked for (SNI), as it wrote it; "" for none, and for an address, which
// is no name there (RFC 6066 3) but sent by some clients.
std::string_view asked_name(const SSL* ssl);

// What the client was asked for a certificate of; null: for none.
std::shared_ptr<const ClientQuestion> asked_question(const SSL* ssl);

}  // namespace moln::tls
