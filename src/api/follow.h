// Logs and events as streams, ended or followed.
#pragma once

#include <memory>

#include "api/call.h"

namespace moln::api {

inline constexpr std::int64_t k_log_lines_max = 10'000;
inline constexpr std::int64_t k_lines_default = 100;

void logs(std::shared_ptr<Call> call);
void events(std::shared_ptr<Call> call);

}  // namespace moln::api
