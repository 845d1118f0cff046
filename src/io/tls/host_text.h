// Names of hosts looked up without an allocation.
#pragma once

#include <algorithm>
#include <array>
#include <functional>
#include <string_view>

namespace moln::tls {

inline constexpr std::size_t k_name_bytes_max = 255;  // RFC 1035 2.3.4
using NameRoom = std::array<char, k_name_bytes_max>;

// `name` has at most k_name_bytes_max.
inline std::string_view lower(std::string_view name, NameRoom& room) {
    std::ranges::transform(name, room.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? char(c | 0x20) : c; });
    return {room.data(), name.size()};
}

struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
        return std::hash<std::string_view>{}(text);
    }
};

}  // namespace moln::tls
