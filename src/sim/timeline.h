// Simulated time: what is to happen, in order of time and, at one time, of scheduling. Nothing
// happens between two events, so hours pass in milliseconds.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "base/units.h"

namespace moln::sim {

class Timeline {
public:
    Now now() const;
    // Sets the wall clock forward or back.
    void step_wall(Milliseconds by) { wall_ahead_ = wall_ahead_ + by; }
    void at(Milliseconds delay, std::function<void()> what);
    // Runs the next event; false when there is none up to `end` (and time is `end` then).
    bool run_one(MonoTime end);
    std::int64_t events_run() const { return events_run_; }

private:
    struct Entry {
        MonoTime when;
        std::int64_t number;
        std::function<void()> what;
    };
    static bool later(const Entry& a, const Entry& b);

    std::vector<Entry> heap_;
    MonoTime now_{1'000};
    Milliseconds wall_ahead_;
    std::int64_t scheduled_ = 0;
    std::int64_t events_run_ = 0;
};

}  // namespace moln::sim
