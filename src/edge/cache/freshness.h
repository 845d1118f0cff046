// How long a response may be used without asking again, and how old it is (RFC 9111 4.2, RFC 9213,
// RFC 5861). Pure: times are given.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/units.h"
#include "http/cache_control.h"
#include "http/head.h"
#include "model/app_config.h"

namespace moln::edge {

// RFC 9111 4.2.2: a tenth of the time since the last change, as that section suggests, but no
// longer than a day, after which its 4.2.4 once asked for a warning.
inline constexpr std::int64_t k_heuristic_part = 10;
inline constexpr Milliseconds k_heuristic_max = days(1);
// What we are called in Surrogate-Control and Surrogate-Capability.
inline constexpr std::string_view k_surrogate_name = "moln";

// When it was asked for and when its head came, by the wall clock, for Date and Expires.
struct ResponseTimes {
    WallTime asked;
    WallTime came;
};

struct Freshness {
    std::int64_t age_ms = 0;       // when its head came
    std::int64_t lifetime_ms = 0;  // fresh while younger
    std::int64_t revalidate_ms =
        0;                         // beyond its lifetime: may be served while it is asked for anew
    std::int64_t error_ms = 0;     // beyond its lifetime: may be served when asking fails
    bool always_validate = false;  // no-cache
    bool never_stale = false;      // must-revalidate and its kin: not even when a client allows it
    bool said = false;             // the response itself said how long
    friend bool operator==(const Freshness&, const Freshness&) = default;
};

// What tells this cache what to do with a response: CDN-Cache-Control, else Surrogate-Control, else
// Cache-Control. `targeted`: one of the former two, which stand for all of Cache-Control and
// Expires (RFC 9213 2.2).
struct CacheOrders {
    http::CacheControl control;
    bool targeted = false;
};
CacheOrders orders_of(const http::FieldTable& response);

// RFC 9110 15.1: may a response with this status be stored without saying how long it is fresh?
bool is_heuristically_cacheable(std::uint16_t status);

// `personal`: the request had a Cookie or the response sets one. What such a response does not say
// is not guessed.
enum class Personal : std::uint8_t { no, yes };
Freshness freshness_of(const http::ResponseHead& response, const CacheOrders& orders,
                       const ResponseTimes& times, const CacheSpec& rules, Personal personal);

}  // namespace moln::edge
