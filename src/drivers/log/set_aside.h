// Keeps a log that another process writes within two files.
#pragma once

#include <string>

#include "base/units.h"

namespace moln {

// Renames the log to ".1" once it holds more than half of `bytes_max`. True if its writer is to
// open it anew, also when it was told before and has not done so: until then it writes to the
// renamed file, so that no line is lost.
bool set_log_aside(const std::string& path, Bytes bytes_max);

}  // namespace moln
