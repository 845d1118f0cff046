// Non-blocking sockets as plain verbs. Not the loop that waits for them.
#pragma once

#include <string>

#include <sys/types.h>

#include "io/file/fd.h"
#include "io/net/address.h"

namespace moln::net {

// A listening TCP socket with SO_REUSEADDR and SO_REUSEPORT, so that every worker has its own on
// the same address. What it accepts has Nagle's algorithm off. The error of a taken port names the
// address and the way out.
Result<Fd> listen_tcp(const SocketAddress& address, int backlog);

// The same for this one socket alone: who else has the port makes it an error, as of listen_tcp.
Result<Fd> listen_tcp_alone(const SocketAddress& address, int backlog);
Result<Fd> bind_udp(const SocketAddress& address);

// An error, as of listen_tcp, if somebody listens there already: SO_REUSEPORT alone would let two
// programs of one user share the port in silence.
Status check_free(const SocketAddress& address);

// A connect under way: finished when the socket is writable, its outcome is connect_error().
// An immediate refusal is the Result's error (unavailable); out of descriptors or of local ports it
// is refused.
Result<Fd> connect_tcp(const SocketAddress& address);
// Nothing is sent: the socket only takes datagrams of that address from now on.
Result<Fd> connect_udp(const SocketAddress& address);
int connect_error(int fd);

// Keep-alive probes that notice a vanished peer of a silent connection within about two minutes.
void enable_keepalive(int fd);
// The same within some ten seconds, also of one that something was sent to: for a peer whose
// silence may be work, but whose machine or network may be gone.
void watch_closely(int fd);
void disable_nagle(int fd);
// Closing the socket then sends RST, so that the peer cannot take a cut answer for a whole one.
void abort_on_close(int fd);

// A listening stream socket at `path`, made with `mode`. A socket file that nobody listens on is
// replaced; one in use is an error that says so.
Result<Fd> listen_unix(const std::string& path, mode_t mode, int backlog);
Result<Fd> connect_unix(const std::string& path);

}  // namespace moln::net
