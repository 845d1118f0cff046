// Logs as a stream on the loop: the past, then what comes, read in the pool. See Control::logs.
#pragma once

#include <functional>
#include <memory>

#include "drivers/data_dir.h"
#include "ports/control.h"
#include "ports/pool.h"

namespace moln {

inline constexpr Milliseconds k_log_poll_interval{200};

// Ends when the handle is dropped; without follow `end` is called after the last line. `loop`
// outlives the handle.
std::shared_ptr<void> stream_logs(Loop& loop, const DataDir& data, const LogQuery& query,
                                  std::function<void(LogLine)> line,
                                  std::function<void(Status)> end);

}  // namespace moln
