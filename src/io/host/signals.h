// SIGINT, SIGTERM and SIGUSR2 as calls on the loop thread. While one of these lives the process is
// not ended by them; a program without a loop has no use for it.
#pragma once

#include <functional>
#include <memory>

#include "io/host/host_loop.h"

namespace moln {

class StopSignals {
public:
    // `callback` gets the signal number, again for every further one. Destroy before the loop.
    StopSignals(HostLoop& loop, std::function<void(int)> callback);
    ~StopSignals();
    StopSignals(const StopSignals&) = delete;
    StopSignals& operator=(const StopSignals&) = delete;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace moln
