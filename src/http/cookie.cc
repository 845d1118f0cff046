#include "http/cookie.h"

namespace moln::http {
namespace {

std::string_view trim(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

}  // namespace

std::optional<std::string_view> cookie(const FieldTable& fields, std::string_view name) {
    for (std::string_view rest : fields.all(FieldId::cookie)) {
        while (!rest.empty()) {
            const auto end = rest.find(';');
            const std::string_view pair = trim(rest.substr(0, end));
            rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
            const auto equals = pair.find('=');
            if (equals == std::string_view::npos || pair.substr(0, equals) != name) continue;
            return pair.substr(equals + 1);
        }
    }
    return std::nullopt;
}

}  // namespace moln::http
