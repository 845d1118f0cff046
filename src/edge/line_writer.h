// Writes one line of JSON into a span, piece by piece, without allocating. What is too long for its
// field is cut, what is too long for the span makes size() 0.
#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "edge/limits.h"

namespace moln::edge {

inline constexpr char k_hex_digits[] = "0123456789abcdef";

// Escaped, a byte takes up to six: the fields are cut so that all of them fit in a line.
static_assert(k_log_line_max >= k_log_text_max + 1024);

class LineWriter {
public:
    explicit LineWriter(std::span<char> out)
        : begin_(out.data()), at_(begin_), end_(at_ + out.size()) {}

    void raw(std::string_view text) {
        if (static_cast<std::size_t>(end_ - at_) < text.size()) return overflow();
        if (!text.empty()) std::memcpy(at_, text.data(), text.size());
        at_ += text.size();
    }
    template <typename Number>
    void number(Number value) {
        const auto [next, error] = std::to_chars(at_, end_, value);
        if (error != std::errc{}) return overflow();
        at_ = next;
    }
    void quoted(std::string_view text, std::size_t bytes_max) {
        raw("\"");
        json(text, bytes_max);
        raw("\"");
    }
    // Within quotes.
    void json(std::string_view text, std::size_t bytes_max) {
        const char* stop = at_ + bytes_max;
        for (const char c : text) {
            const auto byte = static_cast<unsigned char>(c);
            if (end_ - at_ < 8) return overflow();
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
        const char* stop = at_ + bytes_max;
        for (const char c : text) {
            const auto byte = static_cast<unsigned char>(c);
            if (end_ - at_ < 4) return overflow();
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
        for (const std::uint8_t byte : bytes) {
            *at_++ = k_hex_digits[byte >> 4];
            *at_++ = k_hex_digits[byte & 15U];
        }
    }
    std::size_t size() const { return fits_ ? static_cast<std::size_t>(at_ - begin_) : 0; }

private:
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
