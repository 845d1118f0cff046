#include "model/network.h"

#include <algorithm>
#include <charconv>
#include <string>

#include <arpa/inet.h>
#include <fmt/format.h>

namespace moln {
namespace {

constexpr int k_mapped_prefix = 96;  // of ::ffff:0:0/96

IpBits masked(IpBits bits, int prefix) {
    for (int i = 0; i < 16; ++i) {
        const int kept = std::clamp(prefix - 8 * i, 0, 8);
        bits[static_cast<std::size_t>(i)] &= static_cast<std::uint8_t>(0xff00 >> kept);
    }
    return bits;
}

}  // namespace

std::optional<IpBits> parse_ip(std::string_view text) {
    std::array<char, INET6_ADDRSTRLEN> terminated{};
    if (text.size() >= terminated.size() || text.find('\0') != std::string_view::npos) return {};
    std::ranges::copy(text, terminated.begin());
    IpBits bits{};
    if (inet_pton(AF_INET6, terminated.data(), bits.data()) == 1) return bits;
    bits = {};
    bits[10] = bits[11] = 0xff;
    if (inet_pton(AF_INET, terminated.data(), bits.data() + 12) == 1) return bits;
    return std::nullopt;
}

bool IpNetwork::contains(const IpBits& address) const {
    return masked(address, prefix) == first;
}

Result<IpNetwork> parse_network(std::string_view text) {
    const auto bad = [&](std::string_view why) {
        return fail(ErrorCode::invalid,
                    fmt::format("expected a network such as \"10.0.0.0/8\" or \"2001:db8::/32\", "
                                "found \"{}\"{}",
                                text, why));
    };
    const auto slash = text.find('/');
    const auto address = text.substr(0, slash);
    const auto bits = parse_ip(address);
    if (!bits) return bad("");
    if (slash == std::string_view::npos) return IpNetwork{.first = *bits, .prefix = 128};
    const bool v4 = address.find(':') == std::string_view::npos;
    const auto digits = text.substr(slash + 1);
    int prefix = -1;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), prefix);
    const bool whole = error == std::errc{} && end == digits.data() + digits.size();
    if (!whole || prefix < 0 || prefix > (v4 ? 32 : 128)) return bad("");
    const IpNetwork network{.first = *bits, .prefix = v4 ? k_mapped_prefix + prefix : prefix};
    if (masked(*bits, network.prefix) != *bits) {
        return bad(fmt::format(": it has bits behind its first {}", prefix));
    }
    return network;
}

}  // namespace moln
