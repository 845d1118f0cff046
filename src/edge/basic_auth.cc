#include "edge/basic_auth.h"

#include <algorithm>
#include <cstdint>
#include <span>

#include "http/field.h"
#include "model/traffic.h"

namespace moln::edge {
namespace {

int digit_of(char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    if (c == '+') return 62;
    return c == '/' ? 63 : -1;
}

// RFC 4648 4; the padding may be missing.
std::optional<std::string_view> decode(std::string_view text, std::span<char> room) {
    while (text.ends_with('=')) text.remove_suffix(1);
    if (text.size() % 4 == 1 || text.size() / 4 * 3 + 2 > room.size()) return std::nullopt;
    std::size_t size = 0;
    std::uint32_t bits = 0;
    int have = 0;
    for (const char c : text) {
        const int digit = digit_of(c);
        if (digit < 0) return std::nullopt;
        bits = (bits << 6) | static_cast<std::uint32_t>(digit);
        have += 6;
        if (have < 8) continue;
        have -= 8;
        room[size++] = static_cast<char>((bits >> have) & 0xff);
    }
    return std::string_view(room.data(), size);
}

}  // namespace

std::optional<Credentials> basic_credentials(const http::FieldTable& fields,
                                             std::array<char, k_credentials_bytes_max>& room) {
    constexpr std::string_view k_scheme = "Basic ";
    const auto value = fields.only(http::FieldId::authorization);
    if (!value || value->size() < k_scheme.size() ||
        !http::equals_ignoring_case(value->substr(0, k_scheme.size()), k_scheme)) {
        return std::nullopt;
    }
    auto encoded = value->substr(k_scheme.size());
    while (encoded.starts_with(' ')) encoded.remove_prefix(1);
    const auto text = decode(encoded, room);
    if (!text) return std::nullopt;
    const auto colon = text->find(':');
    if (colon == std::string_view::npos || colon == 0) return std::nullopt;
    // Control characters are in no name or password (RFC 7617 2); the name goes into a field.
    const bool clean = std::ranges::none_of(
        *text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
    if (!clean) return std::nullopt;
    return Credentials{text->substr(0, colon), text->substr(colon + 1)};
}

std::string_view hash_of(const std::vector<std::string>& users, std::string_view user) {
    for (const std::string_view entry : users) {
        if (user_name(entry) == user) return entry.substr(user.size() + 1);
    }
    return {};
}

std::string_view first_hash(const std::vector<std::string>& users) {
    if (users.empty()) return {};
    return hash_of(users, user_name(users.front()));
}

}  // namespace moln::edge
