// Result and Error: how every function of Moln that can fail says so. No exception crosses a
// function of ours; a library's are caught where the library is wrapped.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace moln {

// A code exists only because some caller acts on it. The word is what users see in JSON.
enum class ErrorCode {
    invalid,      // the input is wrong; asking again with the same input fails again
    not_found,    // the named thing does not exist
    exists,       // a thing of that name exists already
    conflict,     // compare-and-set lost: read again, decide again
    refused,      // a limit is reached or the state forbids it; later or smaller may work
    failed,       // it was carried out as asked and came to no good: a build, a release
    denied,       // the caller may not
    unavailable,  // the other side is not there now; repeat with back-off
    timeout,      // no answer in time; the effect is unknown
    full,         // no space left where the data should go
    corrupt,      // stored bytes are not what was written
    internal,     // the world did what it should never do
};

std::string_view word(ErrorCode code);
// The inverse of word(); `internal` for a word that is none.
ErrorCode error_code_from(std::string_view word);

// `reason` is one sentence for the user: names the thing, what is wrong, and where the callee
// knows it, what to do. The caller adds only what the callee could not know.
struct Error {
    ErrorCode code = ErrorCode::internal;
    std::string reason;

    friend bool operator==(const Error&, const Error&) = default;
};

template <typename T>
using Result = std::expected<T, Error>;

using Status = Result<void>;

inline std::unexpected<Error> fail(ErrorCode code, std::string reason) {
    return std::unexpected(Error{code, std::move(reason)});
}
inline std::unexpected<Error> fail(Error error) {
    return std::unexpected(std::move(error));
}

// The same error seen from further out: "context: reason".
std::unexpected<Error> fail_in(std::string_view context, const Error& error);

// An Error from errno: maps ENOENT, EEXIST, ENOSPC, EACCES, ETIMEDOUT … to codes.
Error error_from_errno(int saved_errno, std::string_view what);

}  // namespace moln

// Returns the error of `expr` from the enclosing function, or drops its value.
#define MOLN_TRY(expr)                                                  \
    do {                                                                \
        if (auto moln_try_result = (expr); !moln_try_result) {          \
            return std::unexpected(std::move(moln_try_result).error()); \
        }                                                               \
    } while (false)

#define MOLN_CONCAT_INNER(a, b) a##b
#define MOLN_CONCAT(a, b) MOLN_CONCAT_INNER(a, b)
// MOLN_ASSIGN(auto x, f()): x is the value of f(), or its error is returned.
#define MOLN_ASSIGN(declaration, expr)                                                  \
    auto MOLN_CONCAT(moln_result_, __LINE__) = (expr);                                  \
    if (!MOLN_CONCAT(moln_result_, __LINE__)) {                                         \
        return std::unexpected(std::move(MOLN_CONCAT(moln_result_, __LINE__)).error()); \
    }                                                                                   \
    declaration = std::move(*MOLN_CONCAT(moln_result_, __LINE__))
