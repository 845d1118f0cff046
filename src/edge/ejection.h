// Passive health: an endpoint that requests cannot use is left alone for a while that grows with
// every time, but never so many of an app's endpoints that the rest must carry double.
//
// A failure here is a refused or timed-out connect, or a connection that broke or spoke no HTTP
// before its response was whole. A 5xx is an answer, not a failure. One value per endpoint and
// worker: workers share nothing, each learns for itself.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/units.h"

namespace moln::edge {

inline constexpr std::uint32_t k_eject_after_failures = 3;  // in a row
inline constexpr Milliseconds k_ejection_first = seconds(1);
inline constexpr Milliseconds k_ejection_longest = seconds(60);
inline constexpr std::size_t k_ejected_percent_max = 50;

// How many of `active` endpoints may be ejected at once.
constexpr std::size_t ejected_max(std::size_t active) {
    return active * k_ejected_percent_max / 100;
}

struct Ejection {
    std::uint32_t failures_in_row = 0;
    std::uint32_t times = 0;  // ejected since the last steady stretch
    bool ejected = false;
    MonoTime until = {};

    friend bool operator==(const Ejection&, const Ejection&) = default;
};

struct AppShare {
    std::size_t active = 0;   // endpoints of the app that the snapshot says are active
    std::size_t ejected = 0;  // of these, now
};

// True when the endpoint is ejected by this failure. At the share's limit the failure counts, but
// the endpoint stays.
bool note_failure(Ejection& ejection, AppShare share, MonoTime now);
// A whole response. Ends nothing early: an ejected endpoint stays so until its time is over.
void note_success(Ejection& ejection);
// True when an ejection ends now. The endpoint is then on trial: one failure ejects it again.
bool readmit_if_due(Ejection& ejection, MonoTime now);

}  // namespace moln::edge
