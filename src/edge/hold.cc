#include "edge/hold.h"

#include <algorithm>

#include "edge/limits.h"

namespace moln::edge {

HoldVerdict hold_verdict(const HoldQuestion& question) {
    if (!question.hold && question.cause == HoldCause::none_ready) return HoldVerdict::no_instance;
    if (question.held >= question.held_max) {
        const bool comes = question.hold || question.cause == HoldCause::busy;
        return comes ? HoldVerdict::queue_full : HoldVerdict::no_instance;
    }
    return HoldVerdict::wait;
}

Milliseconds hold_limit(bool hold, HoldCause cause, Milliseconds app_limit) {
    return hold || cause == HoldCause::busy ? app_limit
                                            : std::min(app_limit, k_unreachable_hold_limit);
}

std::int64_t hold_until_ms(bool hold, HoldCause cause, Milliseconds app_limit,
                           const HoldSince& since) {
    return std::min(since.first_ms + app_limit.count,
                    since.cause_ms + hold_limit(hold, cause, app_limit).count);
}

std::size_t hold_release(std::size_t endpoints) {
    return endpoints * k_hold_release_batch;
}

std::string_view explain(HoldVerdict verdict, HoldCause cause) {
    switch (verdict) {
        case HoldVerdict::wait:
            if (cause == HoldCause::busy) return "all instances of this app are busy; try again";
            return "no instance of this app became ready in time; try again";
        case HoldVerdict::no_instance: return "no instance of this app is running; try again later";
        case HoldVerdict::queue_full:
            return "too many requests wait for an instance of this app; try again";
    }
    return "";
}

}  // namespace moln::edge
