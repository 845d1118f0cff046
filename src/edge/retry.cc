#include "edge/retry.h"

#include "edge/limits.h"

namespace moln::edge {

bool RetryBudget::spend() {
    if (saved_ < k_cost) return false;
    saved_ -= k_cost;
    return true;
}

RetryVerdict retry_verdict(const FailedAttempt& failed, RetryBudget& budget) {
    if (failed.attempts >= k_attempts_max) return RetryVerdict::give_up;
    if (failed.end == AttemptEnd::response_begun) return RetryVerdict::give_up;
    if (!failed.body_replayable) return RetryVerdict::give_up;
    if (failed.end == AttemptEnd::not_connected) return RetryVerdict::other_endpoint;
    if (!http::is_idempotent(failed.method)) return RetryVerdict::give_up;
    // Closing an idle connection is an instance's right and no sign of trouble: it costs nothing.
    if (failed.end == AttemptEnd::stale) return RetryVerdict::any_endpoint;
    return budget.spend() ? RetryVerdict::other_endpoint : RetryVerdict::give_up;
}

}  // namespace moln::edge
