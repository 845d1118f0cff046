// SteadyTime of a leader: it goes on where the one before wrote it down, then with the boot clock.
// No IO; times come in.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <utility>

#include "base/units.h"
#include "model/resources.h"

namespace moln {

// Of a time without a leader no more is counted: nobody can tell whether the machine was off for a
// month or its clock was set.
inline constexpr Milliseconds k_absence_counted_max = days(1);
inline constexpr Milliseconds k_clock_written_every = minutes(10);
// A clock is disciplined in small steps all the time; larger ones are told.
inline constexpr Milliseconds k_clock_step_told = minutes(1);

class SteadyClock {
public:
    void resume(const Leadership& kept, const Now& now) {
        began_ = now.mono;
        wall_ahead_ = {};
        if (kept.steady.ms == 0) {
            at_beginning_ = {now.wall.ms};
            return;
        }
        const auto absence =
            std::clamp(now.wall - kept.wall, Milliseconds{0}, k_absence_counted_max);
        at_beginning_ = kept.steady + absence;
    }

    // `now` with the steady time filled in.
    Now complete(Now now) const {
        now.steady = at_beginning_ + (now.mono - began_);
        return now;
    }

    // By how much the wall clock was set since the last call, if by much; else 0. `now` complete.
    Milliseconds step(const Now& now) {
        const Milliseconds ahead{now.wall.ms - now.steady.ms};
        const auto last = std::exchange(wall_ahead_, ahead);
        if (!last) return {};
        const Milliseconds step = ahead - *last;
        return std::abs(step.count) < k_clock_step_told.count ? Milliseconds{} : step;
    }

private:
    MonoTime began_;
    SteadyTime at_beginning_;
    std::optional<Milliseconds> wall_ahead_;
};

}  // namespace moln
