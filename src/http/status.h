// Status codes and their usual phrases (the IANA registry). Not what to answer when.
#pragma once

#include <cstdint>
#include <string_view>

namespace moln::http {

// "Not Found"; empty for a code that has none.
std::string_view reason_phrase(std::uint16_t status);

constexpr bool is_informational(std::uint16_t status) {
    return status >= 100 && status < 200;
}

}  // namespace moln::http
