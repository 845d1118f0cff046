// Cookies of a request (RFC 6265 4.2, 5.4): looked up by name. Not Set-Cookie.
#pragma once

#include <optional>
#include <string_view>

#include "http/head.h"

namespace moln::http {

// The value of the first cookie of that name, as sent; a view into the head.
std::optional<std::string_view> cookie(const FieldTable& fields, std::string_view name);

}  // namespace moln::http
