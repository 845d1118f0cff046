// What waits because no endpoint takes it, be it a request or a stream: counted, timed, let go.
#include <algorithm>
#include <span>

#include "runtime/edge/flow.h"

namespace moln::edge_loop {

namespace {

void note_cause(const Core& core, Attempts& of, edge::HoldCause cause) {
    const bool is_new = of.held_since.first_ms == 0;
    if (is_new) of.held_since.first_ms = core.now_ms;
    if (is_new || of.held_cause != cause) of.held_since.cause_ms = core.now_ms;
    of.held_cause = cause;
}

}  // namespace

edge::HoldCause why_none(const Core& core, const AppView& app, const Attempts& of) {
    const std::span tried(of.tried.data(), of.tried_count);
    if (core.views.any_eligible(app, of.wish.canary, tried)) return edge::HoldCause::busy;
    return tried.empty() ? edge::HoldCause::none_ready : edge::HoldCause::unreachable;
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
    note_cause(core, of, cause);
    // Whoever refused it has a place still.
    const bool refused = cause == edge::HoldCause::unreachable || of.tried_count != 0;
    of.held_retry_ms = refused ? core.now_ms + edge::k_unreachable_retry_pause.count : 0;
    of.held_since_us = core.now_us;
    if (of.queue_us == 0) app.slot->held_total.add(1);
    of.tried_count = 0;
    of.attempts = of.seen;
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

HeldStep held_step(const Core& core, const AppView& app, Attempts& of) {
    const bool place = core.views.any_place(app, of.wish);
    if (place && of.held_retry_ms <= core.now_ms) return HeldStep::go;
    if (app.spec == nullptr) return HeldStep::give_up;
    if (!place) {
        const bool busy = core.views.any_eligible(app, of.wish.canary);
        note_cause(core, of, busy ? edge::HoldCause::busy : edge::HoldCause::none_ready);
        if (!busy && !app.spec->hold) return HeldStep::give_up;
    }
    const auto until_ms =
        edge::hold_until_ms(app.spec->hold, of.held_cause, app.spec->hold_limit, of.held_since);
    return until_ms <= core.now_ms ? HeldStep::give_up : HeldStep::stay;
}

}  // namespace moln::edge_loop
