// Quantities as types. Sizes are bytes, durations milliseconds, and the clocks are kept apart:
// WallTime may jump, MonoTime never runs backwards but means nothing after a reboot, SteadyTime
// outlives both.
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
constexpr Milliseconds operator-(Milliseconds a, Milliseconds b) {
    return {a.count - b.count};
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

// Milliseconds of the cloud's own clock, for deadlines that must not pass because somebody set the
// clock. It began as the wall clock and goes on with MonoTime; of a time in which nobody led it
// counts at most k_absence_counted_max.
struct SteadyTime {
    std::int64_t ms = 0;
    friend auto operator<=>(const SteadyTime&, const SteadyTime&) = default;
};
constexpr SteadyTime operator+(SteadyTime t, Milliseconds d) {
    return {t.ms + d.count};
}
constexpr Milliseconds operator-(SteadyTime a, SteadyTime b) {
    return {a.ms - b.ms};
}

struct Now {
    WallTime wall;
    MonoTime mono;
    SteadyTime steady;  // of the leader; elsewhere 0
};

// For people: what the wall clock will show (or showed) then if nobody sets it. The distance of
// the two clocks is taken in whole minutes: read at different moments it differs by milliseconds.
constexpr WallTime wall_of(SteadyTime time, const Now& now) {
    constexpr std::int64_t k_minute_ms = minutes(1).count;
    const std::int64_t ahead_ms = now.wall.ms - now.steady.ms;
    const std::int64_t half = ahead_ms < 0 ? -k_minute_ms / 2 : k_minute_ms / 2;
    return {time.ms + (ahead_ms + half) / k_minute_ms * k_minute_ms};
}

}  // namespace moln
