// Starts a program that belongs to nobody: its own session, its parent is init, no descriptor but
// the three standard ones and the lock.
#pragma once

#include <string>
#include <vector>

#include <sys/types.h>

#include "base/result.h"
#include "io/file/fd.h"

namespace moln {

struct DetachedSpec {
    std::vector<std::string> argv;  // argv[0] is a path
    const Fd* output = nullptr;     // standard output and error
    const Fd* lock = nullptr;       // inherited as descriptor 3; its file gets the pid as text or,
                                    // on a full disk, as its size
};

// The pid, once the program is executed; else why it could not be.
Result<pid_t> start_detached(const DetachedSpec& spec);

}  // namespace moln
