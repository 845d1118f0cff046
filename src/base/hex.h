// Bytes as lower-case hexadecimal digits.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace moln {

inline constexpr std::string_view k_hex_digits = "0123456789abcdef";

// The two digits of every byte, one after another.
inline constexpr std::array<char, 512> k_hex_pairs = [] {
    std::array<char, 512> pairs{};
    for (std::size_t byte = 0; byte < 256; ++byte) {
        pairs[2 * byte] = k_hex_digits[byte >> 4];
        pairs[2 * byte + 1] = k_hex_digits[byte & 15];
    }
    return pairs;
}();

// Two digits a byte to `out`, which has room for them; returns where they end.
inline char* put_hex(std::span<const std::uint8_t> bytes, char* out) {
    for (const std::uint8_t byte : bytes) {
        std::memcpy(out, k_hex_pairs.data() + std::size_t{2} * byte, 2);
        out += 2;
    }
    return out;
}

inline std::string to_hex(std::span<const std::uint8_t> bytes) {
    std::string text(2 * bytes.size(), '\0');
    put_hex(bytes, text.data());
    return text;
}

// False, `bytes` then being of no use: `text` is not exactly their digits.
inline bool from_hex(std::string_view text, std::span<std::uint8_t> bytes) {
    if (text.size() != 2 * bytes.size()) return false;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const auto high = k_hex_digits.find(text[2 * i]);
        const auto low = k_hex_digits.find(text[2 * i + 1]);
        if (high == std::string_view::npos || low == std::string_view::npos) return false;
        bytes[i] = static_cast<std::uint8_t>(high << 4 | low);
    }
    return true;
}

}  // namespace moln
