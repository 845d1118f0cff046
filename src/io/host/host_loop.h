// The real Loop of a daemon: one thread that runs every callback, a bounded pool of threads for
// blocking jobs, timers on CLOCK_BOOTTIME (they count the time a machine slept). Asio is inside;
// asio_context.h gives its io_context to those who serve sockets on it.
//
// after() is for the loop thread, and for any one thread before run(). submit(), post(), now() and
// stop() are for any thread. What is left when the loop is destroyed never runs; jobs that have
// begun are waited for.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "ports/pool.h"

namespace moln {

inline constexpr std::size_t k_pool_threads = 8;

struct HostLoopOptions {
    std::size_t pool_threads = k_pool_threads;
};

class HostLoop final : public Loop {
public:
    explicit HostLoop(HostLoopOptions options = {});
    ~HostLoop() override;
    HostLoop(const HostLoop&) = delete;
    HostLoop& operator=(const HostLoop&) = delete;

    Now now() const override;
    void after(Milliseconds delay, std::function<void()> callback) override;
    void submit(const std::string& key, std::function<void()> job,
                std::function<void()> done) override;

    // Runs `callback` on the loop thread, never from within this call.
    void post(std::function<void()> callback) override;

    // Runs until stop(), on the calling thread, which is the loop thread from then on.
    void run();
    void stop();

    // After run(): waits for the jobs that have begun; no other begins. What jobs use may be
    // destroyed then.
    void end_jobs();

private:
    friend struct AsioAccess;
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace moln
