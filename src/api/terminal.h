// A terminal over a WebSocket: `moln shell`, `moln run`. Bytes both ways, sizes in, an exit code
// out; a small state machine around Control::open_terminal and, for a one-off that had ended
// before anybody listened, around its log. Neither way more is held here than a bound: who is
// slower, the process or the client, makes the other wait.
#pragma once

#include <memory>

#include "api/call.h"

namespace moln::api {

inline constexpr std::int64_t k_terminal_cells_max = 10'000;  // columns or rows
inline constexpr int k_exit_code_unknown = 255;
// The last lines of a log may come this much after the end of what wrote them.
inline constexpr Milliseconds k_log_quiet = {300};

Result<const Instance*> find_instance(const Call& call);

void terminal(std::shared_ptr<Call> call);

}  // namespace moln::api
