#include "model/log_position.h"

#include <charconv>
#include <optional>

#include <fmt/format.h>

namespace moln {
namespace {

// Takes the number behind the last dot off `text`; none if it is not written as text() does.
std::optional<std::uint64_t> take_number(std::string_view& text) {
    const auto dot = text.rfind('.');
    if (dot == std::string_view::npos) return std::nullopt;
    const auto digits = text.substr(dot + 1);
    std::uint64_t value = 0;
    const auto* end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, value, 16);
    if (error != std::errc{} || stop != end || digits != fmt::format("{:x}", value)) {
        return std::nullopt;
    }
    text.remove_suffix(text.size() - dot);
    return value;
}

}  // namespace

std::string LogPosition::text() const {
    return fmt::format("{}.{:x}.{:x}.{:x}", instance.text, file.inode, file.born_ns, end);
}

Result<LogPosition> parse_log_position(std::string_view text) {
    auto rest = text.substr(0, k_log_position_length_max);
    const auto end = take_number(rest);
    const auto born = end ? take_number(rest) : std::nullopt;
    const auto inode = born ? take_number(rest) : std::nullopt;
    const bool separates = rest.find_first_of(",/") != std::string_view::npos;
    if (text.size() > k_log_position_length_max || !inode || rest.empty() || separates) {
        return fail(ErrorCode::invalid,
                    fmt::format("expected the `position` of a line, found \"{}\"",
                                text.substr(0, k_log_position_length_max)));
    }
    return LogPosition{InstanceId(std::string(rest)), {*inode, *born}, *end};
}

}  // namespace moln
