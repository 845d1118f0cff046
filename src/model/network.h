// Addresses of IP and networks of them, as text and as bits. No names, no zones.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.h"

namespace moln {

// IPv4 as ::ffff:a.b.c.d (RFC 4291 2.5.5.2), so that there is one kind.
using IpBits = std::array<std::uint8_t, 16>;

// "192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1"; nothing else around it.
std::optional<IpBits> parse_ip(std::string_view text);

struct IpNetwork {
    IpBits first{};
    int prefix = 128;  // bits of `first` that its addresses have in common
    bool contains(const IpBits& address) const;
    friend bool operator==(const IpNetwork&, const IpNetwork&) = default;
};

// "10.0.0.0/8", "2001:db8::/32", or one address. Bits behind the prefix must be zero: else one of
// the two was meant otherwise.
Result<IpNetwork> parse_network(std::string_view text);

}  // namespace moln
