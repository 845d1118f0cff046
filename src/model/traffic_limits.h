// Bounds of what users say of requests, beside those of model/traffic.h.
#pragma once

#include <cstddef>

#include "base/units.h"

namespace moln {

inline constexpr Bytes k_replay_max = mib(1024);  // of one request's body
// From the last byte of a request to the head of its answer.
inline constexpr Milliseconds k_answer_timeout_min = seconds(1);
inline constexpr Milliseconds k_answer_timeout_max = days(1);
// Of a word that lets people pass while an app is in maintenance: letters, digits, '-' and '_'.
inline constexpr std::size_t k_maintenance_pass_bytes_min = 16;
inline constexpr std::size_t k_maintenance_pass_bytes_max = 128;

}  // namespace moln
