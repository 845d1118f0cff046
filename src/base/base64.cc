#include "base/base64.h"

#include <algorithm>
#include <cstdint>

namespace moln {

std::string base64(std::string_view bytes) {
    constexpr std::string_view k_letters =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const auto rest = std::min<std::size_t>(3, bytes.size() - i);
        std::uint32_t group = 0;
        for (std::size_t k = 0; k < 3; ++k) {
            const auto byte = k < rest ? static_cast<unsigned char>(bytes[i + k]) : 0u;
            group = group << 8 | byte;
        }
        for (std::size_t k = 0; k < 4; ++k) {
            const auto letter = k_letters[(group >> (18 - 6 * k)) & 0x3f];
            out += k <= rest ? letter : '=';
        }
    }
    return out;
}

}  // namespace moln
