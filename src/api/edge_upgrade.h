// `moln edge upgrade` on the daemon's side: begins it, tells how it goes, ends with the result. The
// client may leave at any moment; what was begun goes on without it.
#pragma once

#include <memory>

#include "api/call.h"

namespace moln::api {

// Between looks at what the old process still has open.
inline constexpr Milliseconds k_edge_drain_look{250};
// It is told not more often, and while nothing changes so often.
inline constexpr Milliseconds k_edge_drain_pause = seconds(1);
inline constexpr Milliseconds k_edge_drain_word = seconds(10);

void edge_upgrade(std::shared_ptr<Call> call);

}  // namespace moln::api
