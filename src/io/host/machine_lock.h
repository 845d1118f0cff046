// One machine is one node. Its instances' cgroups, its networks and the rules of its packet filter
// are the machine's: a second node would take the first one's for what is left of its own past, and
// end them.
#pragma once

#include <functional>
#include <string>

#include "base/result.h"
#include "io/file/lock_file.h"

namespace moln {

// Takes the machine for the node with this data directory (an absolute path) until the lock is
// destroyed or the process ends. Below `run_folder`, which does not outlive a reboot, it leaves
// word of whose machine it is.
//
// `refused`, with the way out: another node serves here, or one that has ended left instances that
// serve on, which `instances_run` is asked. A data directory that is gone cannot take its instances
// up again: then they are nobody's and the machine is free.
Result<FileLock> lock_machine(const std::string& run_folder, const std::string& data,
                              const std::function<bool()>& instances_run);

// The data directory of the node that has, or last had, this machine; "" if nobody knows of one, or
// it is gone.
std::string data_of_machine(const std::string& run_folder);

}  // namespace moln
