// The PROXY protocol, versions 1 and 2: what a proxy says ahead of a connection's bytes about who
// its client is (haproxy.org, proxy-protocol.txt, 2020/03/05). Bytes to values and back; no IO.
//
// Strict: a header that is not exactly as specified is refused, never guessed at, since what an
// instance believes of its client hangs on it. Extensions (TLVs) are checked for shape and dropped.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "model/app_config.h"

namespace moln::edge {

inline constexpr std::size_t k_proxy_v1_bytes_max = 107;  // with CRLF; section 2.1
// Of a version 2 header with its extensions. Proxies send some dozen bytes of them; certificates
// among them make the longest.
inline constexpr std::size_t k_proxy_v2_bytes_max = 4096;
inline constexpr std::size_t k_proxy_written_max = k_proxy_v1_bytes_max;

struct ProxyAddress {
    std::array<std::uint8_t, 16> ip{};  // of IPv4 the first four
    std::uint16_t port = 0;
    friend bool operator==(const ProxyAddress&, const ProxyAddress&) = default;
};

enum class ProxyFamily : std::uint8_t {
    unknown,  // the sender does not know or it is the proxy's own check: keep the socket's address
    ipv4,
    ipv6,
};

struct ProxyHeader {
    ProxyFamily family = ProxyFamily::unknown;
    ProxyAddress source;       // the client
    ProxyAddress destination;  // where the client connected to
    friend bool operator==(const ProxyHeader&, const ProxyHeader&) = default;
};

enum class ProxyProgress : std::uint8_t { need_more, refused, done };

struct ProxyParsed {
    ProxyProgress progress = ProxyProgress::need_more;
    std::size_t consumed = 0;  // of a whole one; the client's own bytes follow
};

// Of the same bytes the same result, however they come in parts. `header` is set when done.
ProxyParsed parse_proxy_header(std::string_view bytes, ProxyHeader& header);

// Writes the header and returns its size, at most k_proxy_written_max; 0 for SendProxy::none.
std::size_t write_proxy_header(SendProxy version, const ProxyHeader& header,
                               std::span<char, k_proxy_written_max> out);

}  // namespace moln::edge
