// What a request waits for that is let in by another process: see forward_auth.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "model/app_config.h"

namespace moln::edge_loop {

class AuthQuestion;

struct AuthWait {
    enum class Verdict : std::uint8_t { pending, in, refused };
    Verdict verdict = Verdict::pending;
    AuthQuestion* question = nullptr;  // while it is asked
    std::optional<CacheSpec> cache;    // what is wanted once it is let in
    std::uint16_t status = 503;        // of the refusal
    std::string text;
    std::uint32_t retry_after_s = 0;
    std::string_view error;  // a word of edge/access_line.h
};

}  // namespace moln::edge_loop
