// Which program a process runs.
#pragma once

#include <sys/types.h>

namespace moln {

// Another file than this process runs: an update has put a new one in its place. False as well when
// it cannot be told.
bool runs_other_program(pid_t pid);

}  // namespace moln
