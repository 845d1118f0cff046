// Request methods and what RFC 9110 section 9.2 promises about them. Not which are allowed on a
// route.
#pragma once

#include <cstdint>
#include <string_view>

namespace moln::http {

enum class Method : std::uint8_t {
    get,
    head,
    post,
    put,
    delete_,
    options,
    patch,
    connect,
    trace,
    other
};

// Case-sensitive, as methods are; `other` for a token that is none of the list.
Method method_from(std::string_view name);

// Safe to repeat when the first try's effect is unknown (RFC 9110 9.2.2). `other` is not: an
// unknown method promises nothing.
constexpr bool is_idempotent(Method method) {
    switch (method) {
        case Method::get:
        case Method::head:
        case Method::put:
        case Method::delete_:
        case Method::options:
        case Method::trace: return true;
        case Method::post:
        case Method::patch:
        case Method::connect:
        case Method::other: return false;
    }
    return false;
}

}  // namespace moln::http
