#include "base/result.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <string>

#include <fmt/format.h>

namespace moln {
namespace {

constexpr std::array<std::string_view, 12> k_words = {
    "invalid", "not_found",   "exists",  "conflict", "refused", "failed",
    "denied",  "unavailable", "timeout", "full",     "corrupt", "internal"};

ErrorCode code_of(int saved_errno) {
    switch (saved_errno) {
        case ENOENT:
        case ESRCH: return ErrorCode::not_found;
        case EEXIST: return ErrorCode::exists;
        case ENOSPC:
        case EDQUOT: return ErrorCode::full;
        case EACCES:
        case EPERM: return ErrorCode::denied;
        case EINVAL:
        case ENAMETOOLONG: return ErrorCode::invalid;
        case ETIMEDOUT: return ErrorCode::timeout;
        case ECONNREFUSED:
        case ECONNRESET:
        case EPIPE:
        case EAGAIN: return ErrorCode::unavailable;
        case EMFILE:
        case ENFILE:
        case EADDRINUSE:
        case EBUSY: return ErrorCode::refused;
        default: return ErrorCode::internal;
    }
}

}  // namespace

std::string_view word(ErrorCode code) {
    return k_words.at(static_cast<std::size_t>(code));
}

ErrorCode error_code_from(std::string_view word) {
    for (std::size_t i = 0; i < k_words.size(); ++i) {
        if (k_words[i] == word) return static_cast<ErrorCode>(i);
    }
    return ErrorCode::internal;
}

std::unexpected<Error> fail_in(std::string_view context, const Error& error) {
    return std::unexpected(Error{error.code, fmt::format("{}: {}", context, error.reason)});
}

Error error_from_errno(int saved_errno, std::string_view what) {
    return Error{code_of(saved_errno), fmt::format("{}: {}", what, std::strerror(saved_errno))};
}

}  // namespace moln
