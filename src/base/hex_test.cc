#include "base/hex.h"

#include <array>
#include <string>

#include <gtest/gtest.h>

namespace moln {
namespace {

TEST(Hex, bytes_are_two_lower_case_digits_each_and_their_end_is_told) {
    const std::array<std::uint8_t, 4> bytes = {0x00, 0x0f, 0xa0, 0xff};
    std::string text(10, '.');
    const char* const end = put_hex(bytes, text.data() + 1);
    EXPECT_EQ(text, ".000fa0ff.");
    EXPECT_EQ(end, text.data() + 9);
}

}  // namespace
}  // namespace moln
