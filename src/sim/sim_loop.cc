#include "sim/sim_loop.h"

#include <utility>

namespace moln::sim {

void SimLoop::after(Milliseconds delay, std::function<void()> callback) {
    timeline_.at(delay, [alive = alive_, &faults = faults_, callback = std::move(callback)] {
        if (*alive && !faults.crashing) callback();
    });
}

void SimLoop::post(std::function<void()> callback) {
    after(Milliseconds{0}, std::move(callback));
}

void SimLoop::submit(const std::string& key, std::function<void()> job,
                     std::function<void()> done) {
    auto& lane = lanes_[key];
    lane.push_back({std::move(job), std::move(done)});
    if (lane.size() == 1) run_next(key);
}

Milliseconds SimLoop::duration() {
    if (faults_.happens(&FaultRates::slow_call)) return random_.span(500, 8'000);
    return random_.span(1, 15);
}

void SimLoop::run_next(const std::string& key) {
    after(duration(), [this, key] {
        if (faults_.crash_step()) return;
        lanes_[key].front().job();
        if (faults_.crash_step()) return;
        after(duration(), [this, key] {
            auto& lane = lanes_[key];
            const auto done = std::move(lane.front().done);
            lane.pop_front();
            if (lane.empty()) {
                lanes_.erase(key);
            } else {
                run_next(key);
            }
            done();
        });
    });
}

}  // namespace moln::sim
