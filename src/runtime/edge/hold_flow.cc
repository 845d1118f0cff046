// What waits because no endpoint takes it, be it a request or a stream: counted, timed, let go.
#include <algorithm>

#include "runtime/edge/flow.h"

namespace moln::edge_loop {

edge::HoldCause why_none(const Core& core, const AppView& app, const Attempts& of) {
    if (of.tried_count != 0) return edge::HoldCause::unreachable;
    return core.views.any_eligible(app, of.wish.canary) ? edge::HoldCause::busy
                                                        : edge::HoldCause::none_ready;
}

edge::HoldVerdict begin_hold(Core& core, AppView& app, Attempts& of, edge::HoldCause cause) {
    const std::int64_t held = app.cell->held.fetch_add(1);
    const auto verdict = edge::hold_verdict({.hold = app.spec->hold,
                                             .cause = cause,
                                             .held = held,
                                             .held_max = app.spec->hold_requests_max});
    if (verdict != edge::HoldVerdict::wait) {
        app.cell->held.fetch_sub(1);
        return verdict;
    }
    const auto limit = edge::hold_limit(app.spec->hold, cause, app.spec->hold_limit);
    if (of.held_until_ms == 0) of.held_until_ms = core.now_ms + limit.count;
    of.held_cause = cause;
    of.held_retry_ms = cause == edge::HoldCause::unreachable
                           ? core.now_ms + edge::k_unreachable_retry_pause.count
                           : 0;
    of.held_since_us = core.now_us;
    if (of.queue_us == 0) app.slot->held_total.add(1);
    of.tried_count = 0;
    of.attempts = 0;
    if (!static_cast<edge::ListLink<ByHolding>&>(app).linked()) {
        core.views.holding().push_back(&app);
    }
    return verdict;
}

void end_hold(AppView& app, Attempts& of) {
    app.cell->held.fetch_sub(1);
    const std::int64_t waited = clock_now(Clock::mono_us) - of.held_since_us;
    of.queue_us += std::max<std::int64_t>(waited, 1);
    app.slot->queue_us_total.add(waited);
}

HeldStep held_step(const Core& core, const AppView& app, const Attempts& of) {
    const bool due = of.held_retry_ms <= core.now_ms;
    if (due && core.views.any_place(app, of.wish.canary)) return HeldStep::go;
    if (app.spec == nullptr || of.held_until_ms <= core.now_ms) return HeldStep::give_up;
    if (!app.spec->hold && !core.views.any_eligible(app, of.wish.canary)) {
        return HeldStep::give_up;
    }
    return HeldStep::stay;
}

}  // namespace moln::edge_loop
