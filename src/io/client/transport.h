// One connection to a server, plain or TLS, for a thread of its own that may wait. Every wait is
// the caller's (Patience), so that it has an end, and the caller can do other things meanwhile.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "io/file/fd.h"
#include "io/net/address.h"
#include "io/tls/openssl.h"

namespace moln::client {

class Patience {
public:
    virtual ~Patience() = default;
    // Until `fd` is ready for `events`, poll(2)'s. False: there is no more time.
    virtual bool wait(int fd, short events) = 0;
};

// Whom a certificate must be of, and by whom. Reads the authorities' file, so it comes before what
// takes the way to it. `ca_file` "": the host's authorities.
Result<openssl::Context> trust(const std::string& ca_file);

class Transport {
public:
    // `tls` null: plain. It outlives this. `name` is a host's name or a literal address; a
    // certificate must be of it. `timeout`: no more time; `unavailable`: not there, or not the one.
    static Result<Transport> open(const net::SocketAddress& address, SSL_CTX* tls,
                                  const std::string& name, Patience& patience);

    // All of it.
    Status send(std::string_view bytes, Patience& patience);
    // At least one byte; 0: the end.
    Result<std::size_t> receive(std::span<char> out, Patience& patience);

private:
    Status shake_hands(SSL_CTX* tls, const std::string& name, Patience& patience);
    // After a call of OpenSSL that did not go through: waits for what it wants.
    Status wait_for_tls(int outcome, std::string_view what, Patience& patience);

    Fd fd_;
    openssl::Connection tls_;
};

}  // namespace moln::client
