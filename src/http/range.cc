#include "http/range.h"

#include <algorithm>

#include "http/scan.h"
#include "http/write.h"

namespace moln::http {
namespace {

// 18 digits stay below 2^63.
std::optional<std::uint64_t> number_of(std::string_view text) {
    if (text.empty() || text.size() > 18) return std::nullopt;
    std::uint64_t number = 0;
    for (const char c : text) {
        if (!is_digit(c)) return std::nullopt;
        number = number * 10 + static_cast<std::uint64_t>(c - '0');
    }
    return number;
}

}  // namespace

std::optional<RangeWish> parse_range(std::string_view value) {
    constexpr std::string_view k_unit = "bytes=";
    if (value.size() < k_unit.size() ||
        !equals_ignoring_case(value.substr(0, k_unit.size()), k_unit)) {
        return std::nullopt;
    }
    const auto spec = trim_blanks(value.substr(k_unit.size()));
    const auto dash = spec.find('-');
    if (dash == std::string_view::npos) return std::nullopt;
    RangeWish wish;
    if (dash != 0) {
        wish.first = number_of(spec.substr(0, dash));
        if (!wish.first) return std::nullopt;
    }
    const auto end = spec.substr(dash + 1);
    if (!end.empty()) {
        wish.last = number_of(end);
        if (!wish.last) return std::nullopt;
    }
    if (!wish.first && !wish.last) return std::nullopt;
    if (wish.first && wish.last && *wish.last < *wish.first) return std::nullopt;
    return wish;
}

std::optional<RangeWish> range_of(const FieldTable& request) {
    const auto value = request.only(FieldId::range);
    return value ? parse_range(*value) : std::nullopt;
}

std::optional<ByteRange> resolve(const RangeWish& wish, std::uint64_t length) {
    if (length == 0) return std::nullopt;
    if (!wish.first) {
        const std::uint64_t size = std::min(*wish.last, length);
        if (size == 0) return std::nullopt;
        return ByteRange{.first = length - size, .last = length - 1};
    }
    if (*wish.first >= length) return std::nullopt;
    return ByteRange{.first = *wish.first,
                     .last = std::min(wish.last.value_or(length - 1), length - 1)};
}

std::optional<ContentRange> parse_content_range(std::string_view value) {
    constexpr std::string_view k_unit = "bytes ";
    if (!value.starts_with(k_unit)) return std::nullopt;
    value.remove_prefix(k_unit.size());
    const auto dash = value.find('-');
    const auto slash = value.find('/');
    if (dash == std::string_view::npos || slash == std::string_view::npos || slash < dash) {
        return std::nullopt;
    }
    const auto first = number_of(value.substr(0, dash));
    const auto last = number_of(value.substr(dash + 1, slash - dash - 1));
    const auto length = number_of(value.substr(slash + 1));
    if (!first || !last || !length || *last < *first || *last >= *length) return std::nullopt;
    return ContentRange{.range = {.first = *first, .last = *last}, .length = *length};
}

std::string_view format_content_range(const ContentRange& range,
                                      std::span<char, k_content_range_bytes_max> out) {
    ByteWriter text(out);
    text.text("bytes ");
    text.number(range.range.first);
    text.text("-");
    text.number(range.range.last);
    text.text("/");
    text.number(range.length);
    return text.written();
}

std::string_view format_unsatisfied_range(std::uint64_t length,
                                          std::span<char, k_content_range_bytes_max> out) {
    ByteWriter text(out);
    text.text("bytes */");
    text.number(length);
    return text.written();
}

}  // namespace moln::http
