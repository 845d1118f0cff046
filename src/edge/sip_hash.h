// SipHash-2-4 (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012): a hash of short
// inputs that nobody without the key can make collide. For tables whose keys strangers choose.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace moln::edge {

struct SipKey {
    std::uint64_t low = 0;
    std::uint64_t high = 0;
};

namespace sip_detail {

struct State {
    std::uint64_t a, b, c, d;

    void round() {
        a += b;
        b = std::rotl(b, 13) ^ a;
        a = std::rotl(a, 32);
        c += d;
        d = std::rotl(d, 16) ^ c;
        a += d;
        d = std::rotl(d, 21) ^ a;
        c += b;
        b = std::rotl(b, 17) ^ c;
        c = std::rotl(c, 32);
    }
    void take(std::uint64_t word) {
        d ^= word;
        round();
        round();
        a ^= word;
    }
};

}  // namespace sip_detail

// On a little-endian machine, as all that Moln runs on are.
inline std::uint64_t sip_hash(SipKey key, std::span<const std::byte> bytes) {
    sip_detail::State state{key.low ^ 0x736f'6d65'7073'6575U, key.high ^ 0x646f'7261'6e64'6f6dU,
                            key.low ^ 0x6c79'6765'6e65'7261U, key.high ^ 0x7465'6462'7974'6573U};
    std::uint64_t last = static_cast<std::uint64_t>(bytes.size()) << 56;
    for (; bytes.size() >= sizeof last; bytes = bytes.subspan(sizeof last)) {
        std::uint64_t word = 0;
        std::memcpy(&word, bytes.data(), sizeof word);
        state.take(word);
    }
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        last |= static_cast<std::uint64_t>(bytes[i]) << (8 * i);
    }
    state.take(last);
    state.c ^= 0xff;
    for (int i = 0; i < 4; ++i) state.round();
    return state.a ^ state.b ^ state.c ^ state.d;
}

}  // namespace moln::edge
