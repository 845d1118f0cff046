// The API of the daemon over its Control: requests are routed and checked against the table, then
// handled. Lives on the loop thread; `control` and `loop` outlive it.
#pragma once

#include <memory>

#include "api/call.h"
#include "ports/api_service.h"

namespace moln::api {

inline constexpr std::size_t k_idempotency_key_length_max = 128;

std::unique_ptr<ApiService> make_service(Control& control, Loop& loop, ServiceInfo info);

}  // namespace moln::api
