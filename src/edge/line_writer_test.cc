#include "edge/line_writer.h"

#include <algorithm>
#include <array>
#include <string>

#include <gtest/gtest.h>

namespace moln::edge {
namespace {

bool needs_no_escape(char c) {
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

TEST(LineWriter, any_byte_at_any_place_is_seen_to_need_an_escape_or_not) {
    for (std::size_t size = 0; size <= 20; ++size) {
        for (std::size_t at = 0; at < size; ++at) {
            for (int byte = 0; byte < 256; ++byte) {
                // Bytes beside the bounds around it: what one borrows must not hide the other.
                for (const char around : {'x', ' ', '~', '!', '#', '[', ']'}) {
                    std::string text(size, around);
                    text[at] = static_cast<char>(byte);
                    ASSERT_EQ(is_plain(text), needs_no_escape(text[at]))
                        << "size " << size << ", byte " << byte << " at " << at;
                }
            }
        }
        EXPECT_TRUE(is_plain(std::string(size, '~')));
    }
}

TEST(LineWriter, what_has_no_room_even_if_it_were_escaped_makes_no_line) {
    constexpr std::size_t k_text_bytes = 9;
    const std::string plain(k_text_bytes, 'x');
    for (std::size_t room = 0; room < 40; ++room) {
        std::array<char, 40> out;
        LineWriter line(std::span<char>(out.data(), room));
        line.quoted(plain, 100);
        const bool fits = room >= k_text_bytes + k_escape_room;
        ASSERT_EQ(line.size(), fits ? k_text_bytes + 2 : 0) << room;
    }
}

TEST(LineWriter, long_text_is_cut_within_its_quotes) {
    std::array<char, 64> out;
    LineWriter line(out);
    line.quoted("abcdefgh", 3);
    EXPECT_EQ(std::string(out.data(), line.size()), "\"abc\"");
}

}  // namespace
}  // namespace moln::edge
