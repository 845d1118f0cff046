// What a daemon does now and then whatever is going on: keeps logs within their bounds, removes
// uploads that nobody finished, sets the edge's access log aside when it is large.
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

class Housekeeping {
public:
    // `live` gives the ids of all instances there are; called on the loop thread.
    Housekeeping(Loop& loop, DataDir data, RealSandboxes& sandboxes,
                 std::function<std::set<std::string>()> live);
    void start();

private:
    void rotate();
    void prune();

    Loop& loop_;
    DataDir data_;
    RealSandboxes& sandboxes_;
    std::function<std::set<std::string>()> live_;
};

}  // namespace moln
