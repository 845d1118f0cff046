#include "edge/retry.h"

#include "edge/limits.h"

namespace moln::edge {

bool RetryBudget::spend() {
    if (saved_ < k_cost) return false;
    saved_ -= k_cost;
    return true;
}

bool may_repeat(http::Method method, RetryMode mode) {
    switch (mode) {
        case RetryMode::idempotent: return http::is_idempotent(method);
        case RetryMode::all: return true;
        case RetryMode::none: return false;
    }
    return false;
}

std::uint64_t replay_limit(const ReplayWish& wish) {
    const auto wanted = static_cast<std::uint64_t>(wish.replay.count);
    if (wanted <= k_replay_memory_max || !may_repeat(wish.method, wish.mode)) {
        return k_replay_memory_max;
    }
    return wish.length.value_or(0) > wanted ? k_replay_memory_max : wanted;
}

RetryVerdict retry_verdict(const FailedAttempt& failed, RetryBudget& budget) {
    if (failed.attempts >= k_attempts_max) return RetryVerdict::give_up;
    if (failed.end == AttemptEnd::response_begun || failed.end == AttemptEnd::timed_out) {
        return RetryVerdict::give_up;
    }
    if (!failed.body_replayable) return RetryVerdict::give_up;
    if (failed.end == AttemptEnd::not_connected) return RetryVerdict::other_endpoint;
    if (failed.end == AttemptEnd::refused) return RetryVerdict::any_endpoint;
    if (!may_repeat(failed.method, failed.mode)) return RetryVerdict::give_up;
    // Closing an idle connection is an instance's right and no sign of trouble: it costs nothing.
    if (failed.end == AttemptEnd::stale) return RetryVerdict::any_endpoint;
    return budget.spend() ? RetryVerdict::other_endpoint : RetryVerdict::give_up;
}

}  // namespace moln::edge
