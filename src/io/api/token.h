// The bearer token of the TCP listener: read from a file that only its owner can read.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"

namespace moln::io {

inline constexpr std::size_t k_api_token_length_min = 16;
inline constexpr std::size_t k_api_token_length_max = 1024;

Result<Secret> read_token(const std::string& path);

// True if `authorization` is "Bearer <token>". The time taken does not tell how much was right.
bool bearer_matches(std::string_view authorization, const Secret& token);

}  // namespace moln::io
