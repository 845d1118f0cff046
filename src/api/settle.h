// The tail of a change that is waited for: lines of progress as instances come up, then the result,
// or the error with the last log lines of the instance that failed. The client may leave at any
// moment; the change goes on without it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "api/call.h"
#include "api/lines.h"
#include "api/progress.h"

namespace moln::api {

// Looks at the World at most so often. It is part of how long a deploy takes.
inline constexpr Milliseconds k_settle_look_interval{10};
inline constexpr Milliseconds k_settle_word_interval = seconds(10);  // says at least so often
inline constexpr std::int64_t k_settle_log_lines = 20;

void settle(const std::shared_ptr<Call>& call, const CommandReply& reply,
            std::vector<std::string> warnings);
// Waits for what a command made end instead of for what it made begin.
void settle_departure(const std::shared_ptr<Call>& call, const CommandReply& reply,
                      const Departure& departure);
// Waits until the edges have heard of it, and for no instance.
void settle_edges(const std::shared_ptr<Call>& call, const CommandReply& reply);
// The same as settle() on a stream that has begun.
void settle(Lines lines, const CommandReply& reply, std::vector<std::string> warnings);

}  // namespace moln::api
