// A request for which no endpoint is ready: may it wait, how long, and how many go when one is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/units.h"

namespace moln::edge {

enum class HoldVerdict : std::uint8_t {
    wait,
    no_instance,  // Moln is not about to bring one: 503 at once
    queue_full,   // as many wait as may: 503 at once
};

// Why no endpoint took it.
enum class HoldCause : std::uint8_t {
    none_ready,   // none is active and healthy
    unreachable,  // all that are refused the connection: worth a moment's patience
    busy,         // all that are have as many requests as they may: one of them will be done
};

struct HoldQuestion {
    bool hold = false;  // EdgeApp.hold
    HoldCause cause = HoldCause::none_ready;
    std::int64_t held = 0;      // that wait for this app now, on all workers
    std::int64_t held_max = 0;  // EdgeApp.hold_requests_max
};
HoldVerdict hold_verdict(const HoldQuestion& question);

// How long a request may wait for one reason.
Milliseconds hold_limit(bool hold, HoldCause cause, Milliseconds app_limit);

// Until when it may wait: as long as the reason of now allows, and in all no longer than its app.
struct HoldSince {
    std::int64_t first_ms = 0;  // that it has waited at all
    std::int64_t cause_ms = 0;  // that it has for the reason of now
};
std::int64_t hold_until_ms(bool hold, HoldCause cause, Milliseconds app_limit,
                           const HoldSince& since);

// How many of the waiting go in one tick when `endpoints` are ready: all at once would overrun
// the listen queue of an instance that has just started.
std::size_t hold_release(std::size_t endpoints);

// What the client reads.
std::string_view explain(HoldVerdict verdict, HoldCause cause);

}  // namespace moln::edge
