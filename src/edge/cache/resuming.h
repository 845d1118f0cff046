// A body that broke off on its way into the cache: may the rest be asked for, and is what came the
// rest (RFC 9110 14.2, 15.3.7.3)? Only a strong tag says that two answers are parts of the same.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "http/head.h"

namespace moln::edge {

// A fetch is gone on with so often.
inline constexpr std::uint8_t k_resumes_max = 3;

// `length`: of all of it, as its head said; nothing: it did not.
bool may_resume(std::uint16_t status, std::string_view tag, std::optional<std::uint64_t> length);

struct BrokenBody {
    std::string_view tag;
    std::uint64_t have = 0;  // bytes that came
    std::uint64_t length = 0;
};
// `body_bytes`: of the body of `response`, by its framing; nothing: that does not say.
bool is_rest_of(const BrokenBody& broken, const http::ResponseHead& response,
                std::optional<std::uint64_t> body_bytes);

}  // namespace moln::edge
