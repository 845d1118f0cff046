// What a daemon does now and then whatever is going on: keeps logs within their bounds, removes
// uploads that nobody finished, bridges without instances and copies of the host's /etc that are
// out of use, sets the edge's access log aside when it is large.
#pragma once

#include <functional>
#include <set>
#include <string>

#include "drivers/data_dir.h"
#include "drivers/sandbox/real_sandboxes.h"
#include "ports/pool.h"

namespace moln {

inline constexpr Milliseconds k_rotate_interval = seconds(1);
inline constexpr Milliseconds k_prune_interval = minutes(5);
inline constexpr Milliseconds k_upload_age_max = days(1);
// access.log and access.log.1 together, and what is written within a second.
inline constexpr Bytes k_access_log_bytes_max = mib(64);

struct HousekeepingCalls {
    // Ids of all instances there are. Both are called on the loop thread.
    std::function<std::set<std::string>()> live;
    std::function<void()> reopen_access_log;
};

class Housekeeping {
public:
    Housekeeping(Loop& loop, DataDir data, RealSandboxes& sandboxes, HousekeepingCalls calls);
    void start();

private:
    void rotate();
    void prune();

    Loop& loop_;
    DataDir data_;
    RealSandboxes& sandboxes_;
    HousekeepingCalls calls_;
};

}  // namespace moln
