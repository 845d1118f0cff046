#include "edge/proxy_header.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>
#include <string>

#include <arpa/inet.h>

namespace moln::edge {
namespace {

constexpr std::string_view k_v1_mark = "PROXY ";
constexpr std::string_view k_v2_mark("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::size_t k_v2_fixed = 16;
// Version and command.
constexpr std::uint8_t k_local = 0x20;
constexpr std::uint8_t k_proxied = 0x21;

constexpr ProxyParsed k_need_more{ProxyProgress::need_more, 0};
constexpr ProxyParsed k_refused{ProxyProgress::refused, 0};

std::uint8_t byte_at(std::string_view bytes, std::size_t at) {
    return static_cast<std::uint8_t>(bytes[at]);
}
std::uint16_t word_at(std::string_view bytes, std::size_t at) {
    return static_cast<std::uint16_t>(byte_at(bytes, at) << 8 | byte_at(bytes, at + 1));
}

// Both have at least one byte in common, or `bytes` is empty.
bool may_become(std::string_view bytes, std::string_view mark) {
    const auto count = std::min(bytes.size(), mark.size());
    return bytes.substr(0, count) == mark.substr(0, count);
}

// ---- version 1 ------------------------------------------------------------------------------

// The text up to the next space, which is taken too; nothing without a space.
std::optional<std::string_view> take_word(std::string_view& text) {
    const auto space = text.find(' ');
    if (space == std::string_view::npos) return std::nullopt;
    const auto word = text.substr(0, space);
    text.remove_prefix(space + 1);
    return word;
}

bool read_ip(std::optional<std::string_view> word, ProxyFamily family, ProxyAddress& out) {
    if (!word || word->size() >= INET6_ADDRSTRLEN) return false;
    std::array<char, INET6_ADDRSTRLEN> text{};
    std::ranges::copy(*word, text.begin());
    return inet_pton(family == ProxyFamily::ipv4 ? AF_INET : AF_INET6, text.data(),
                     out.ip.data()) == 1;
}

bool read_port(std::optional<std::string_view> word, ProxyAddress& out) {
    if (!word || word->empty() || (word->front() == '0' && word->size() > 1)) return false;
    const auto* end = word->data() + word->size();
    const auto [next, error] = std::from_chars(word->data(), end, out.port);
    return error == std::errc{} && next == end;
}

bool read_v1(std::string_view text, ProxyHeader& header) {
    ProxyHeader read;
    if (text == "UNKNOWN" || text.starts_with("UNKNOWN ")) {
        header = read;
        return true;
    }
    const auto family = take_word(text);
    if (family == "TCP4") {
        read.family = ProxyFamily::ipv4;
    } else if (family == "TCP6") {
        read.family = ProxyFamily::ipv6;
    } else {
        return false;
    }
    if (!read_ip(take_word(text), read.family, read.source) ||
        !read_ip(take_word(text), read.family, read.destination) ||
        !read_port(take_word(text), read.source) || !read_port(text, read.destination)) {
        return false;
    }
    header = read;
    return true;
}

ProxyParsed parse_v1(std::string_view bytes, ProxyHeader& header) {
    const auto line = bytes.substr(0, k_proxy_v1_bytes_max);
    const auto end = line.find('\n');
    if (end == std::string_view::npos) {
        return bytes.size() < k_proxy_v1_bytes_max ? k_need_more : k_refused;
    }
    if (line[end - 1] != '\r') return k_refused;
    const auto text = line.substr(k_v1_mark.size(), end - 1 - k_v1_mark.size());
    if (!read_v1(text, header)) return k_refused;
    return {ProxyProgress::done, end + 1};
}

// ---- version 2 ------------------------------------------------------------------------------

// Type, length, that many bytes; one after the other (section 2.2.8).
bool are_extensions(std::string_view bytes) {
    constexpr std::size_t k_before_value = 3;
    while (!bytes.empty()) {
        if (bytes.size() < k_before_value) return false;
        const std::size_t size = k_before_value + word_at(bytes, 1);
        if (size > bytes.size()) return false;
        bytes.remove_prefix(size);
    }
    return true;
}

// Bytes of both addresses and ports; nothing for a family that is none.
std::optional<std::size_t> address_bytes(std::uint8_t family) {
    switch (family) {
        case 0x00: return 0;
        case 0x11:
        case 0x12: return 12;
        case 0x21:
        case 0x22: return 36;
        case 0x31:
        case 0x32: return 216;
        default: return std::nullopt;
    }
}

void read_addresses(std::string_view bytes, ProxyFamily family, ProxyHeader& header) {
    const std::size_t size = family == ProxyFamily::ipv4 ? 4 : 16;
    header.family = family;
    std::memcpy(header.source.ip.data(), bytes.data(), size);
    std::memcpy(header.destination.ip.data(), bytes.data() + size, size);
    header.source.port = word_at(bytes, 2 * size);
    header.destination.port = word_at(bytes, 2 * size + 2);
}

ProxyParsed parse_v2(std::string_view bytes, ProxyHeader& header) {
    if (bytes.size() < k_v2_fixed) return k_need_more;
    const std::uint8_t command = byte_at(bytes, 12);
    if (command != k_local && command != k_proxied) return k_refused;
    // Of a LOCAL one even the family is ignored, and what stands behind it (section 2.2).
    const std::uint8_t family = command == k_local ? 0x00 : byte_at(bytes, 13);
    const std::size_t rest = word_at(bytes, 14);
    const auto addresses = address_bytes(family);
    if (!addresses || rest < *addresses || k_v2_fixed + rest > k_proxy_v2_bytes_max) {
        return k_refused;
    }
    if (bytes.size() < k_v2_fixed + rest) return k_need_more;
    bytes = bytes.substr(k_v2_fixed, rest);
    if (command != k_local && !are_extensions(bytes.substr(*addresses))) return k_refused;
    ProxyHeader read;
    if (family == 0x11) read_addresses(bytes, ProxyFamily::ipv4, read);
    if (family == 0x21) read_addresses(bytes, ProxyFamily::ipv6, read);
    header = read;
    return {ProxyProgress::done, k_v2_fixed + rest};
}

// ---- writing --------------------------------------------------------------------------------

class Out {
public:
    explicit Out(std::span<char, k_proxy_written_max> room) : room_(room) {}

    void text(std::string_view bytes) {
        std::memcpy(room_.data() + size_, bytes.data(), bytes.size());
        size_ += bytes.size();
    }
    void byte(std::uint8_t value) { room_[size_++] = static_cast<char>(value); }
    void word(std::uint16_t value) {
        byte(static_cast<std::uint8_t>(value >> 8));
        byte(static_cast<std::uint8_t>(value & 0xffU));
    }
    void ip(const ProxyAddress& address, std::size_t bytes) {
        for (std::size_t i = 0; i < bytes; ++i) byte(address.ip[i]);
    }
    void ip_text(const ProxyAddress& address, int family) {
        std::array<char, INET6_ADDRSTRLEN> written{};
        inet_ntop(family, address.ip.data(), written.data(), written.size());
        text(written.data());
    }
    void number(std::uint16_t value) {
        const auto [end, error] =
            std::to_chars(room_.data() + size_, room_.data() + room_.size(), value);
        if (error == std::errc{}) size_ = static_cast<std::size_t>(end - room_.data());
    }
    std::size_t size() const { return size_; }

private:
    std::span<char, k_proxy_written_max> room_;
    std::size_t size_ = 0;
};

void write_v1(const ProxyHeader& header, Out& out) {
    if (header.family == ProxyFamily::unknown) {
        out.text("PROXY UNKNOWN\r\n");
        return;
    }
    const bool ipv4 = header.family == ProxyFamily::ipv4;
    const int family = ipv4 ? AF_INET : AF_INET6;
    out.text(ipv4 ? "PROXY TCP4 " : "PROXY TCP6 ");
    out.ip_text(header.source, family);
    out.text(" ");
    out.ip_text(header.destination, family);
    out.text(" ");
    out.number(header.source.port);
    out.text(" ");
    out.number(header.destination.port);
    out.text("\r\n");
}

void write_v2(const ProxyHeader& header, Out& out) {
    out.text(k_v2_mark);
    out.byte(k_proxied);
    if (header.family == ProxyFamily::unknown) {
        out.byte(0x00);
        out.word(0);
        return;
    }
    const std::size_t bytes = header.family == ProxyFamily::ipv4 ? 4 : 16;
    out.byte(bytes == 4 ? 0x11 : 0x21);
    out.word(static_cast<std::uint16_t>(2 * bytes + 4));
    out.ip(header.source, bytes);
    out.ip(header.destination, bytes);
    out.word(header.source.port);
    out.word(header.destination.port);
}

}  // namespace

ProxyParsed parse_proxy_header(std::string_view bytes, ProxyHeader& header) {
    if (may_become(bytes, k_v2_mark)) {
        return bytes.size() < k_v2_mark.size() ? k_need_more : parse_v2(bytes, header);
    }
    if (may_become(bytes, k_v1_mark)) {
        return bytes.size() < k_v1_mark.size() ? k_need_more : parse_v1(bytes, header);
    }
    return k_refused;
}

std::size_t write_proxy_header(SendProxy version, const ProxyHeader& header,
                               std::span<char, k_proxy_written_max> room) {
    Out out(room);
    if (version == SendProxy::v1) write_v1(header, out);
    if (version == SendProxy::v2) write_v2(header, out);
    return out.size();
}

}  // namespace moln::edge
