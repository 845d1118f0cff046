// Quantities as types. Sizes are bytes, durations milliseconds, and the two clocks are kept
// apart: WallTime may jump, MonoTime never runs backwards but means nothing after a reboot.
#pragma once

#include <compare>
#include <cstdint>

namespace moln {

struct Bytes {
    std::int64_t count = 0;
    friend auto operator<=>(const Bytes&, const Bytes&) = default;
};
constexpr Bytes operator+(Bytes a, Bytes b) {
    return {a.count + b.count};
}
constexpr Bytes operator-(Bytes a, Bytes b) {
    return {a.count - b.count};
}
constexpr Bytes kib(std::int64_t n) {
    return {n * 1024};
}
constexpr Bytes mib(std::int64_t n) {
    return {n * 1024 * 1024};
}
constexpr Bytes gib(std::int64_t n) {
    return {n * 1024 * 1024 * 1024};
}

struct Milliseconds {
    std::int64_t count = 0;
    friend auto operator<=>(const Milliseconds&, const Milliseconds&) = default;
};
constexpr Milliseconds operator+(Milliseconds a, Milliseconds b) {
    return {a.count + b.count};
}
constexpr Milliseconds operator*(Milliseconds a, std::int64_t n) {
    return {a.count * n};
}
constexpr Milliseconds seconds(std::int64_t n) {
    return {n * 1000};
}
constexpr Milliseconds minutes(std::int64_t n) {
    return {n * 60'000};
}
constexpr Milliseconds days(std::int64_t n) {
    return {n * 86'400'000};
}

// Milliseconds since 1970-01-01 UTC.
struct WallTime {
    std::int64_t ms = 0;
    friend auto operator<=>(const WallTime&, const WallTime&) = default;
};
constexpr WallTime operator+(WallTime t, Milliseconds d) {
    return {t.ms + d.count};
}
constexpr Milliseconds operator-(WallTime a, WallTime b) {
    return {a.ms - b.ms};
}

// Milliseconds of CLOCK_BOOTTIME.
struct MonoTime {
    std::int64_t ms = 0;
    friend auto operator<=>(const MonoTime&, const MonoTime&) = default;
};
constexpr MonoTime operator+(MonoTime t, Milliseconds d) {
    return {t.ms + d.count};
}
constexpr Milliseconds operator-(MonoTime a, MonoTime b) {
    return {a.ms - b.ms};
}

struct Now {
    WallTime wall;
    MonoTime mono;
};

}  // namespace moln
