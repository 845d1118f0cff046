#include "api/query.h"

namespace moln::api {
namespace {

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

}  // namespace

std::optional<std::string> percent_decode(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            out += text[i];
            continue;
        }
        if (text.size() - i < 3) return std::nullopt;
        const int high = hex_digit(text[i + 1]);
        const int low = hex_digit(text[i + 2]);
        if (high < 0 || low < 0) return std::nullopt;
        out += static_cast<char>(high * 16 + low);
        i += 2;
    }
    return out;
}

std::optional<Target> parse_target(std::string_view target) {
    if (!target.starts_with('/')) return std::nullopt;
    Target out;
    const auto mark = target.find('?');
    out.path = std::string(target.substr(0, mark));
    if (mark == std::string_view::npos) return out;
    auto rest = target.substr(mark + 1);
    std::size_t count = 0;
    while (!rest.empty()) {
        const auto end = rest.find('&');
        const auto pair = rest.substr(0, end);
        rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
        if (pair.empty()) continue;
        if (++count > k_query_params_max) return std::nullopt;
        const auto equals = pair.find('=');
        const auto name = percent_decode(pair.substr(0, equals));
        const auto value = equals == std::string_view::npos
                               ? std::optional<std::string>("")
                               : percent_decode(pair.substr(equals + 1));
        if (!name || !value) return std::nullopt;
        out.query[*name].push_back(*value);
    }
    return out;
}

}  // namespace moln::api
