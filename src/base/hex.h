// Bytes as lower-case hexadecimal digits.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <span>
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

}  // namespace moln
