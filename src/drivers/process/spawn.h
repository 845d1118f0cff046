// Starts a program of the host: fork, a clean state, exec. For those who wait for it themselves;
// run_child() is what most want.
#pragma once

#include <sys/types.h>

#include "base/result.h"
#include "drivers/process/child.h"

namespace moln {

struct SpawnStreams {
    int in = -1;                     // -1: /dev/null
    int out = -1;                    // stdout, and stderr without one of its own
    int err = -1;                    // -1: `out`
    bool controls_terminal = false;  // `in` becomes the controlling terminal of its session
};

// The caller keeps its descriptors and reaps the pid. Of `spec` the program, environment, folder
// and what happens in the child count; limits and callbacks do not.
Result<pid_t> spawn(const ChildSpec& spec, const SpawnStreams& streams);

// Kills a spawned program and what it started in its session. The pid is still to be reaped.
void kill_session(pid_t pid);

}  // namespace moln
