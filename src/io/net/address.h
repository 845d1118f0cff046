// An IPv4 or IPv6 address with a port, as a value. Literals only: no name is ever resolved here.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <sys/socket.h>

#include "base/result.h"

namespace moln::net {

class SocketAddress {
public:
    SocketAddress();

    // "127.0.0.1:8080", "[::1]:8080", "0.0.0.0:0". Port 0 asks the kernel for a free one.
    static Result<SocketAddress> parse(std::string_view text);
    static Result<SocketAddress> from(std::string_view ip, std::uint16_t port);
    // The address a socket is bound to; the peer's address.
    static Result<SocketAddress> local_of(int fd);
    static SocketAddress from_sockaddr(const sockaddr_storage& storage, socklen_t length);

    const sockaddr* data() const { return reinterpret_cast<const sockaddr*>(&storage_); }
    socklen_t length() const { return length_; }
    int family() const { return storage_.ss_family; }
    std::uint16_t port() const;
    void set_port(std::uint16_t port);
    bool loopback() const;
    bool unspecified() const;  // 0.0.0.0 or [::]
    // The bare address in network order: its size, 4 or 16, an IPv4-mapped one as IPv4.
    std::size_t write_ip_bytes(std::span<std::uint8_t, 16> out) const;

    std::string ip() const;         // "127.0.0.1", "::1"; an IPv4-mapped address as IPv4
    std::string to_string() const;  // "127.0.0.1:80", "[::1]:80"
    // Writes ip() to `out` without allocating; returns its length. `size` >= INET6_ADDRSTRLEN.
    std::size_t write_ip(char* out, std::size_t size) const;

private:
    sockaddr_storage storage_{};
    socklen_t length_ = 0;
};

}  // namespace moln::net
