// One element of a list with weights (RFC 9110 12.4.2). Internal: what the weights mean is stated
// where they are used.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "http/field.h"
#include "http/head.h"
#include "http/scan.h"

namespace moln::http {

struct Weighted {
    std::string_view name;
    std::uint32_t thousandths = 1000;
};

// "gzip;q=0.5"; a weight that is none counts as 1.
inline Weighted weighted(std::string_view element) {
    const auto semicolon = element.find(';');
    Weighted out{.name = trim_blanks(element.substr(0, semicolon))};
    if (semicolon == std::string_view::npos) return out;
    const auto parameter = trim_blanks(element.substr(semicolon + 1));
    if (parameter.size() < 3 || to_lower(parameter[0]) != 'q' || parameter[1] != '=') return out;
    const auto digits = parameter.substr(2);
    if (digits.front() != '0' && digits.front() != '1') return out;
    out.thousandths = digits.front() == '1' ? 1000 : 0;
    std::uint32_t unit = 100;
    for (std::size_t i = 2; i < digits.size() && i < 5 && digits[1] == '.'; ++i, unit /= 10) {
        if (!is_digit(digits[i])) break;
        out.thousandths += unit * static_cast<std::uint32_t>(digits[i] - '0');
    }
    out.thousandths = std::min(out.thousandths, 1000u);
    return out;
}

// Of all fields of that kind, in their order.
template <typename Visit>
void for_each_weighted(const FieldTable& fields, FieldId id, Visit&& visit) {
    for (const std::string_view value : fields.all(id)) {
        for_each_element(value, [&](std::string_view element) { visit(weighted(element)); });
    }
}

}  // namespace moln::http
