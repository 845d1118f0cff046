#include "model/listen.h"

#include <charconv>

#include <fmt/format.h>

namespace moln {

std::string Listen::text() const {
    return fmt::format("{}:{}", enum_word(protocol), port);
}

Result<Listen> parse_listen(std::string_view text) {
    constexpr std::size_t k_shown_max = 40;
    const auto wrong = [&] {
        return fail(ErrorCode::invalid,
                    fmt::format("expected tcp:PORT or udp:PORT with a port from 1 to 65535, such "
                                "as \"tcp:5432\", found \"{}\"",
                                text.substr(0, k_shown_max)));
    };
    Listen listen;
    if (text.starts_with("udp:")) {
        listen.protocol = Protocol::udp;
    } else if (!text.starts_with("tcp:")) {
        return wrong();
    }
    const auto digits = text.substr(4);
    const auto* end = digits.data() + digits.size();
    const auto [next, error] = std::from_chars(digits.data(), end, listen.port);
    if (error != std::errc{} || next != end || listen.port == 0 || digits.front() == '0') {
        return wrong();
    }
    return listen;
}

}  // namespace moln
