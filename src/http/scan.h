// Byte classes and the loops over them that the parsers of this folder share. Internal: what the
// classes mean is stated where they are used.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#if defined(__SSE2__)
    #include <emmintrin.h>
#endif

namespace moln::http {

enum ByteClass : std::uint8_t {
    k_byte_token = 1,        // RFC 9110 5.6.2 tchar
    k_byte_target = 2,       // what a request target may have at all
    k_byte_path = 4,         // what its path may have; '%' is one and needs a second look
    k_byte_host = 8,         // letters, digits, '-', '_', '.'
    k_byte_value = 16,       // HTAB, SP, VCHAR, obs-text
    k_byte_unreserved = 32,  // RFC 3986 2.3
};

constexpr bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
constexpr bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
constexpr char to_lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}
// 0 to 15, or -1.
constexpr int hex_digit(char c) {
    if (is_digit(c)) return c - '0';
    const char lower = to_lower(c);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

constexpr std::array<std::uint8_t, 256> make_byte_classes() {
    std::array<std::uint8_t, 256> classes{};
    for (unsigned i = 0; i < 256; ++i) {
        const char c = static_cast<char>(i);
        const bool alnum = is_digit(c) || is_letter(c);
        const bool visible = i > 0x20 && i < 0x7f;
        unsigned bits = 0;
        if (alnum || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos) {
            bits |= k_byte_token;
        }
        if (visible && std::string_view("\"<>#").find(c) == std::string_view::npos) {
            bits |= k_byte_target;
            if (c != '\\' && c != '?') bits |= k_byte_path;
        }
        if (alnum || c == '-' || c == '_' || c == '.') bits |= k_byte_host;
        if (c == '\t' || (i >= 0x20 && i != 0x7f)) bits |= k_byte_value;
        if (alnum || std::string_view("-._~").find(c) != std::string_view::npos) {
            bits |= k_byte_unreserved;
        }
        classes[i] = static_cast<std::uint8_t>(bits);
    }
    // NUL is found by string_view::find in no literal above, but it must never slip in.
    classes[0] = 0;
    return classes;
}
inline constexpr std::array<std::uint8_t, 256> k_byte_classes = make_byte_classes();

constexpr bool is(ByteClass wanted, char c) {
    return (k_byte_classes[static_cast<unsigned char>(c)] & wanted) != 0;
}

constexpr bool all(ByteClass wanted, std::string_view text) {
    for (const char c : text) {
        if (!is(wanted, c)) return false;
    }
    return true;
}

// The first byte from `at` that is not of the class, or `end`.
inline const char* skip(ByteClass wanted, const char* at, const char* end) {
    while (at != end && is(wanted, *at)) ++at;
    return at;
}

// The same for k_byte_value, 16 bytes at a time: values are most of a head.
inline const char* skip_value(const char* at, const char* end) {
#if defined(__SSE2__)
    const __m128i blank = _mm_set1_epi8(0x20);
    const __m128i tab = _mm_set1_epi8('\t');
    const __m128i del = _mm_set1_epi8(0x7f);
    while (end - at >= 16) {
        const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
        const __m128i printable = _mm_cmpeq_epi8(_mm_max_epu8(bytes, blank), bytes);
        const __m128i good = _mm_andnot_si128(_mm_cmpeq_epi8(bytes, del),
                                              _mm_or_si128(printable, _mm_cmpeq_epi8(bytes, tab)));
        const unsigned bad = ~static_cast<unsigned>(_mm_movemask_epi8(good)) & 0xffffu;
        if (bad != 0) return at + __builtin_ctz(bad);
        at += 16;
    }
#endif
    return skip(k_byte_value, at, end);
}

constexpr std::string_view trim_blanks(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

}  // namespace moln::http
