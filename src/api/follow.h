// Logs and events as streams, ended or followed.
#pragma once

#include <memory>

#include "api/call.h"

namespace moln::api {

inline constexpr std::int64_t k_log_lines_max = 10'000;
inline constexpr std::int64_t k_lines_default = 100;
inline constexpr std::size_t k_log_positions_max = 512;  // that a reader may go on behind

void logs(std::shared_ptr<Call> call);
void events(std::shared_ptr<Call> call);

}  // namespace moln::api
