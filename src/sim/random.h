// The one source of chance of a simulation: everything random in it is drawn here, in the order of
// events, so that equal seeds give equal runs (splitmix64).
#pragma once

#include <cmath>
#include <cstdint>

#include "base/units.h"
#include "ports/entropy.h"

namespace moln::sim {

class Random final : public Entropy {
public:
    explicit Random(std::uint64_t seed) : state_(seed) {}

    std::uint64_t next() override {
        std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ull);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
        return z ^ (z >> 31);
    }
    // 0 <= result < bound.
    std::int64_t below(std::int64_t bound) {
        return static_cast<std::int64_t>(next() % static_cast<std::uint64_t>(bound));
    }
    std::int64_t between(std::int64_t low, std::int64_t high) {
        return low + below(high - low + 1);
    }
    bool chance(double probability) { return unit() < probability; }
    Milliseconds span(std::int64_t low_ms, std::int64_t high_ms) {
        return {between(low_ms, high_ms)};
    }
    // Exponentially distributed, at least 1 ms.
    Milliseconds around(Milliseconds mean) {
        const auto drawn = -std::log(1.0 - unit()) * static_cast<double>(mean.count);
        return {1 + static_cast<std::int64_t>(drawn)};
    }

private:
    // 53 bits: what a double holds exactly.
    double unit() { return static_cast<double>(next() >> 11) / 9007199254740992.0; }

    std::uint64_t state_;
};

}  // namespace moln::sim
