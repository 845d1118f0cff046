#include "io/net/address.h"

#include <cerrno>
#include <charconv>
#include <cstring>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>

namespace moln::net {
namespace {

std::unexpected<Error> bad_address(std::string_view text) {
    return fail(
        ErrorCode::invalid,
        fmt::format("address \"{}\": expected IP:PORT, as in 127.0.0.1:8080 or [::1]:8080", text));
}

}  // namespace

SocketAddress::SocketAddress() {
    storage_.ss_family = AF_UNSPEC;
}

Result<SocketAddress> SocketAddress::from(std::string_view ip, std::uint16_t port) {
    const std::string text(ip);
    SocketAddress out;
    auto* v4 = reinterpret_cast<sockaddr_in*>(&out.storage_);
    if (inet_pton(AF_INET, text.c_str(), &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        out.length_ = sizeof(sockaddr_in);
        return out;
    }
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&out.storage_);
    if (inet_pton(AF_INET6, text.c_str(), &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        out.length_ = sizeof(sockaddr_in6);
        return out;
    }
    return fail(ErrorCode::invalid, fmt::format("\"{}\" is no IPv4 or IPv6 address", ip));
}

Result<SocketAddress> SocketAddress::parse(std::string_view text) {
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) return bad_address(text);
    std::string_view ip = text.substr(0, colon);
    const std::string_view digits = text.substr(colon + 1);
    if (ip.size() >= 2 && ip.front() == '[' && ip.back() == ']') {
        ip = ip.substr(1, ip.size() - 2);
    } else if (ip.find(':') != std::string_view::npos) {
        return bad_address(text);
    }
    std::uint16_t port = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (error != std::errc{} || end != digits.data() + digits.size()) return bad_address(text);
    auto address = from(ip, port);
    if (!address) return bad_address(text);
    return address;
}

SocketAddress SocketAddress::from_sockaddr(const sockaddr_storage& storage, socklen_t length) {
    SocketAddress out;
    out.storage_ = storage;
    out.length_ = length;
    return out;
}

Result<SocketAddress> SocketAddress::local_of(int fd) {
    SocketAddress out;
    out.length_ = sizeof(out.storage_);
    if (getsockname(fd, reinterpret_cast<sockaddr*>(&out.storage_), &out.length_) != 0) {
        return fail(error_from_errno(errno, "getsockname"));
    }
    return out;
}

std::uint16_t SocketAddress::port() const {
    if (family() == AF_INET) {
        return ntohs(reinterpret_cast<const sockaddr_in*>(&storage_)->sin_port);
    }
    if (family() == AF_INET6) {
        return ntohs(reinterpret_cast<const sockaddr_in6*>(&storage_)->sin6_port);
    }
    return 0;
}

void SocketAddress::set_port(std::uint16_t port) {
    if (family() == AF_INET) reinterpret_cast<sockaddr_in*>(&storage_)->sin_port = htons(port);
    if (family() == AF_INET6) reinterpret_cast<sockaddr_in6*>(&storage_)->sin6_port = htons(port);
}

std::size_t SocketAddress::write_ip_bytes(std::span<std::uint8_t, 16> out) const {
    if (family() == AF_INET) {
        const auto* v4 = reinterpret_cast<const sockaddr_in*>(&storage_);
        std::memcpy(out.data(), &v4->sin_addr, sizeof v4->sin_addr);
        return sizeof v4->sin_addr;
    }
    if (family() != AF_INET6) return 0;
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&storage_);
    if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
        std::memcpy(out.data(), &v6->sin6_addr.s6_addr[12], 4);
        return 4;
    }
    std::memcpy(out.data(), &v6->sin6_addr, sizeof v6->sin6_addr);
    return sizeof v6->sin6_addr;
}

bool SocketAddress::loopback() const {
    if (family() == AF_INET) {
        const auto* v4 = reinterpret_cast<const sockaddr_in*>(&storage_);
        return (ntohl(v4->sin_addr.s_addr) >> 24) == 127;
    }
    if (family() == AF_INET6) {
        return IN6_IS_ADDR_LOOPBACK(&reinterpret_cast<const sockaddr_in6*>(&storage_)->sin6_addr);
    }
    return false;
}

bool SocketAddress::unspecified() const {
    if (family() == AF_INET) {
        return reinterpret_cast<const sockaddr_in*>(&storage_)->sin_addr.s_addr == INADDR_ANY;
    }
    return family() == AF_INET6 &&
           IN6_IS_ADDR_UNSPECIFIED(&reinterpret_cast<const sockaddr_in6*>(&storage_)->sin6_addr);
}

std::size_t SocketAddress::write_ip(char* out, std::size_t size) const {
    const char* text = nullptr;
    if (family() == AF_INET) {
        const auto* v4 = reinterpret_cast<const sockaddr_in*>(&storage_);
        text = inet_ntop(AF_INET, &v4->sin_addr, out, static_cast<socklen_t>(size));
    } else if (family() == AF_INET6) {
        const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&storage_);
        if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
            text =
                inet_ntop(AF_INET, &v6->sin6_addr.s6_addr[12], out, static_cast<socklen_t>(size));
        } else {
            text = inet_ntop(AF_INET6, &v6->sin6_addr, out, static_cast<socklen_t>(size));
        }
    }
    return text == nullptr ? 0 : std::strlen(text);
}

std::string SocketAddress::ip() const {
    char text[INET6_ADDRSTRLEN];
    return {text, write_ip(text, sizeof text)};
}

std::string SocketAddress::to_string() const {
    if (family() == AF_INET6) {
        char text[INET6_ADDRSTRLEN] = "";
        inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6*>(&storage_)->sin6_addr, text,
                  sizeof text);
        return fmt::format("[{}]:{}", text, port());
    }
    return fmt::format("{}:{}", ip(), port());
}

}  // namespace moln::net
