// May a request whose attempt failed be sent again, and where? Decisions only.
#pragma once

#include <cstdint>
#include <optional>

#include "base/units.h"
#include "http/method.h"
#include "model/traffic.h"

namespace moln::edge {

// How far a failed attempt had come.
enum class AttemptEnd : std::uint8_t {
    not_connected,   // nothing of the request left the edge
    stale,           // a pooled connection, closed by the instance before any byte of a response
    refused,         // the instance says that it has not looked at it (RFC 9113 8.7)
    broken,          // sent, at least in part; no byte of a response came
    response_begun,  // some of a response came
    timed_out,       // it was silent for too long, and may be at it still
};

enum class RetryVerdict : std::uint8_t {
    other_endpoint,  // one that this request has not tried
    any_endpoint,    // also the same: only its old connection was dead
    give_up,
};

// May a request that an instance may have seen be sent once more?
bool may_repeat(http::Method method, RetryMode mode);

// How much of a request's body is kept for sending it again; as received, framing included. What
// fits into the client's buffer is there anyway. More is kept only if it can be of use: of a
// request that may be repeated, and not of a body whose length says that it will be too long.
struct ReplayWish {
    Bytes replay;  // of the app
    RetryMode mode = RetryMode::idempotent;
    http::Method method = http::Method::get;
    std::optional<std::uint64_t> length = std::nullopt;  // of the body, if it is said
};
std::uint64_t replay_limit(const ReplayWish& wish);

struct FailedAttempt {
    AttemptEnd end = AttemptEnd::broken;
    http::Method method = http::Method::get;
    RetryMode mode = RetryMode::idempotent;
    bool body_replayable = true;  // no body, or all of it that was received is still kept
    std::uint32_t attempts = 1;   // so far, this one included
};

// Repeats after something was sent are paid from here, so that a failing app gets at most a
// fifth more requests than its clients make (and a few in a row when it is quiet).
class RetryBudget {
public:
    static constexpr std::uint32_t k_cost = 5;         // requests that pay one repeat
    static constexpr std::uint32_t k_saved_max = 500;  // 100 repeats
    static constexpr std::uint32_t k_saved_first = 50;

    void note_request() {
        if (saved_ < k_saved_max) ++saved_;
    }
    bool spend();

private:
    std::uint32_t saved_ = k_saved_first;
};

// A failed connect is always repeated elsewhere (up to k_attempts_max): nobody saw the request; so
// is what an instance refused to look at. What was sent is repeated only if it is idempotent
// (RFC 9110 9.2.2) or its app says that repeating does no harm, can be replayed, and the budget has
// room; once a byte of a response came, never, nor to one that is silent for too long.
RetryVerdict retry_verdict(const FailedAttempt& failed, RetryBudget& budget);

}  // namespace moln::edge
