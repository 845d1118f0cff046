// Exit codes of `moln`, the same for every verb; `moln --help` and docs/CLI.md print them.
#pragma once

#include "base/result.h"

namespace moln::cli {

inline constexpr int k_exit_ok = 0;
inline constexpr int k_exit_failed = 1;
inline constexpr int k_exit_usage = 2;
inline constexpr int k_exit_not_found = 3;
inline constexpr int k_exit_refused = 4;
inline constexpr int k_exit_unreachable = 5;
inline constexpr int k_exit_timeout = 6;
inline constexpr int k_exit_interrupted = 130;

constexpr int exit_code_of(ErrorCode code) {
    switch (code) {
        case ErrorCode::invalid: return k_exit_usage;
        case ErrorCode::not_found: return k_exit_not_found;
        case ErrorCode::exists:
        case ErrorCode::conflict:
        case ErrorCode::refused:
        case ErrorCode::denied: return k_exit_refused;
        case ErrorCode::unavailable: return k_exit_unreachable;
        case ErrorCode::timeout: return k_exit_timeout;
        case ErrorCode::failed:
        case ErrorCode::full:
        case ErrorCode::corrupt:
        case ErrorCode::internal: break;
    }
    return k_exit_failed;
}

inline constexpr const char* k_exit_codes_help =
    "  0  done\n"
    "  1  failed: a build, a release that did not become healthy, or something within\n"
    "  2  wrong usage, or a value that is not taken\n"
    "  3  no such app, instance, release, volume …\n"
    "  4  refused: the state or a limit forbids it, or it was changed meanwhile\n"
    "  5  the daemon cannot be reached, or is busy\n"
    "  6  no answer in time: the effect is unknown\n"
    "  130  interrupted by Ctrl-C\n"
    "`run` and `shell` exit with the code of their command.\n";

}  // namespace moln::cli
