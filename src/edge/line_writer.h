// Writes one line of JSON into a span, piece by piece, without allocating. What is too long for its
// field is cut, what is too long for the span makes size() 0.
#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "base/hex.h"
#include "edge/limits.h"

namespace moln::edge {

inline constexpr std::size_t k_escape_room = 5;  // that a byte takes more at most when escaped

// Escaped, a byte takes up to six: the fields are cut so that all of them fit in a line.
static_assert(k_log_line_max >= k_log_text_max + 1024);

// Does none of eight bytes need an escape: all of them printable ASCII, no quote, no backslash?
constexpr bool is_plain(std::uint64_t bytes) {
    constexpr std::uint64_t k_each = 0x0101'0101'0101'0101u;
    // The high bit of a byte is set if it is zero (or, above such a one, if it is 1).
    const auto zeros = [](std::uint64_t word) { return (word - k_each) & ~word; };
    const std::uint64_t controls = bytes - 0x20 * k_each;  // below a blank: the high bit
    const std::uint64_t found = bytes | controls | zeros(bytes ^ 0x7f * k_each) |
                                zeros(bytes ^ '"' * k_each) | zeros(bytes ^ '\\' * k_each);
    return (found & 0x80 * k_each) == 0;
}

inline bool is_plain(std::string_view text) {
    const char* const end = text.data() + text.size();
    const auto bytes_at = [](const char* at, auto bytes) {
        std::memcpy(&bytes, at, sizeof bytes);
        return bytes;
    };
    // What is left at the end is looked at together with some of what was already.
    if (text.size() >= 8) {
        for (const char* at = text.data(); end - at > 8; at += 8) {
            if (!is_plain(bytes_at(at, std::uint64_t{}))) return false;
        }
        return is_plain(bytes_at(end - 8, std::uint64_t{}));
    }
    if (text.size() >= 4) {
        const std::uint64_t first = bytes_at(text.data(), std::uint32_t{});
        return is_plain(first << 32 | bytes_at(end - 4, std::uint32_t{}));
    }
    std::uint64_t bytes = 0x2020'2020'2020'2020u;
    for (const char c : text) bytes = bytes << 8 | static_cast<unsigned char>(c);
    return is_plain(bytes);
}

class LineWriter {
public:
    explicit LineWriter(std::span<char> out)
        : begin_(out.data()), at_(begin_), end_(at_ + out.size()) {}

    void raw(std::string_view text) {
        if (static_cast<std::size_t>(end_ - at_) < text.size()) return overflow();
        put(text);
    }
    template <typename Number>
    void number(Number value) {
        const auto [next, error] = std::to_chars(at_, end_, value);
        if (error != std::errc{}) return overflow();
        at_ = next;
    }
    void quoted(std::string_view text, std::size_t bytes_max) {
        if (stays(text, bytes_max)) {
            *at_++ = '"';
            put(text);
            *at_++ = '"';
            return;
        }
        raw("\"");
        json(text, bytes_max);
        raw("\"");
    }
    // Within quotes.
    void json(std::string_view text, std::size_t bytes_max) {
        const char* stop = at_ + bytes_max;
        for (const char c : text) {
            const auto byte = static_cast<unsigned char>(c);
            if (!has_room(1)) return overflow();
            if (at_ >= stop) break;
            if (byte < 0x20 || byte >= 0x7f) {
                std::memcpy(at_, "\\u00", 4);
                at_[4] = k_hex_digits[byte >> 4];
                at_[5] = k_hex_digits[byte & 15U];
                at_ += 6;
            } else {
                if (c == '"' || c == '\\') *at_++ = '\\';
                *at_++ = c;
            }
        }
    }
    // Apache's way: \" and \\, and \xHH of what is no printable ASCII.
    void escaped(std::string_view text, std::size_t bytes_max) {
        if (stays(text, bytes_max)) return put(text);
        const char* stop = at_ + bytes_max;
        for (const char c : text) {
            const auto byte = static_cast<unsigned char>(c);
            if (!has_room(1)) return overflow();
            if (at_ >= stop) break;
            if (byte < 0x20 || byte >= 0x7f) {
                *at_++ = '\\';
                *at_++ = 'x';
                *at_++ = k_hex_digits[byte >> 4];
                *at_++ = k_hex_digits[byte & 15U];
            } else {
                if (c == '"' || c == '\\') *at_++ = '\\';
                *at_++ = c;
            }
        }
    }
    void hex(std::span<const std::uint8_t> bytes) {
        if (static_cast<std::size_t>(end_ - at_) < 2 * bytes.size()) return overflow();
        at_ = put_hex(bytes, at_);
    }
    std::size_t size() const { return fits_ ? static_cast<std::size_t>(at_ - begin_) : 0; }

private:
    // For so many bytes, of which one is escaped.
    bool has_room(std::size_t bytes) const {
        return static_cast<std::size_t>(end_ - at_) >= bytes + k_escape_room;
    }
    // Whole and without an escape, and there is room for it and two quotes.
    bool stays(std::string_view text, std::size_t bytes_max) const {
        return text.size() <= bytes_max && has_room(text.size()) && is_plain(text);
    }
    // What there is room for.
    void put(std::string_view text) {
        if (!text.empty()) std::memcpy(at_, text.data(), text.size());
        at_ += text.size();
    }
    void overflow() {
        fits_ = false;
        at_ = end_ = begin_;
    }
    char* begin_;
    char* at_;
    char* end_;
    bool fits_ = true;
};

inline constexpr std::size_t k_short_text_max = 128;
inline constexpr std::size_t k_host_text_max = 256;

}  // namespace moln::edge
