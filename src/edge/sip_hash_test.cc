#include "edge/sip_hash.h"

#include <array>

#include <gtest/gtest.h>

namespace moln::edge {
namespace {

TEST(SipHash, gives_what_its_paper_says) {
    constexpr SipKey k_key{0x0706'0504'0302'0100U, 0x0f0e'0d0c'0b0a'0908U};
    std::array<std::byte, 15> bytes{};
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i);
    EXPECT_EQ(sip_hash(k_key, bytes), 0xa129'ca61'49be'45e5U);
    // Of the reference implementation's vectors.
    EXPECT_EQ(sip_hash(k_key, {}), 0x726f'db47'dd0e'0e31U);
}

}  // namespace
}  // namespace moln::edge
