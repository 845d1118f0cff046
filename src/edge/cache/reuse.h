// May a stored response answer this request now (RFC 9111 4)?
#pragma once

#include <cstdint>

#include "edge/cache/freshness.h"
#include "http/cache_status.h"
#include "http/head.h"

namespace moln::edge {

enum class Reuse : std::uint8_t {
    fresh,     // serve it
    refresh,   // serve it, and ask for a new one behind the client's back
    validate,  // ask first
};

// What the request says about it.
struct ReuseWish {
    http::CacheControl control;
};
// Pragma: no-cache counts when there is no Cache-Control (RFC 9111 5.4).
ReuseWish reuse_wish(const http::FieldTable& request);

struct ReuseVerdict {
    Reuse reuse = Reuse::validate;
    http::CacheForward why = http::CacheForward::none;  // of validate
    std::int64_t age_ms = 0;
    std::int64_t ttl_ms = 0;  // below 0: stale for so long
};

// `since_ms`: how long ago its head came, by a clock that nobody sets.
ReuseVerdict judge_reuse(const Freshness& stored, std::int64_t since_ms, const ReuseWish& wish);

// Will it still be of use for a while, so that it is worth a write to the disk? `validated`: it can
// be asked for with a condition.
bool is_worth_keeping(const Freshness& stored, std::int64_t since_ms, bool validated);

// Asking failed, or was answered with 500, 502, 503 or 504: may what is stored be served instead
// (RFC 5861 4)?
bool serves_on_error(const Freshness& stored, std::int64_t since_ms, const ReuseWish& wish);
constexpr bool is_error_to_hide(std::uint16_t status) {
    return status == 500 || status == 502 || status == 503 || status == 504;
}

}  // namespace moln::edge
