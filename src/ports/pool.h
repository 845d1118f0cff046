// Where blocking work goes, and how a loop is told that time has passed. The real one is a bounded
// thread pool beside an Asio loop (io/host); the simulator's runs jobs at simulated moments,
// slowly, twice-delayed or never (a crash drops what is pending). All callbacks run on the one loop
// thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "base/units.h"

namespace moln {

class Loop {
public:
    virtual ~Loop() = default;

    virtual Now now() const = 0;

    // Calls `callback` on the loop thread, after `delay`; never from within this call.
    virtual void after(Milliseconds delay, std::function<void()> callback) = 0;

    // As after() without delay, and the one call that is allowed from any thread.
    virtual void post(std::function<void()> callback) = 0;

    // Runs `job` off the loop (jobs of one key one after the other, in order), then `done` on the
    // loop. `job` must own all that it touches. At most k_pool_queue_max jobs wait; one more is a
    // bug of the caller, who bounds its own work.
    virtual void submit(const std::string& key, std::function<void()> job,
                        std::function<void()> done) = 0;
};

inline constexpr std::size_t k_pool_queue_max = 100'000;

// submit() for a job with a value: run_blocking<T>(loop, key, job, done) calls done(T).
template <typename T>
void run_blocking(Loop& loop, const std::string& key, std::function<T()> job,
                  std::function<void(T)> done) {
    auto slot = std::make_shared<std::unique_ptr<T>>();
    loop.submit(
        key, [slot, job = std::move(job)] { *slot = std::make_unique<T>(job()); },
        [slot, done = std::move(done)] { done(std::move(**slot)); });
}

}  // namespace moln
