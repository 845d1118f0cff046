#include "drivers/log/line.h"

#include <charconv>
#include <chrono>

namespace moln {
namespace {

std::optional<int> digits(std::string_view text, std::size_t at, std::size_t count) {
    if (at + count > text.size()) return std::nullopt;
    int value = 0;
    const auto* first = text.data() + at;
    const auto [end, error] = std::from_chars(first, first + count, value);
    if (error != std::errc() || end != first + count || *first == '-') return std::nullopt;
    return value;
}

// The part after the seconds: an optional fraction, then Z or an offset of hours and minutes.
std::optional<std::int64_t> fraction_and_offset_ms(std::string_view rest) {
    std::int64_t ms = 0;
    if (!rest.empty() && rest.front() == '.') {
        std::size_t end = 1;
        std::int64_t scale = 100;
        while (end < rest.size() && rest[end] >= '0' && rest[end] <= '9') {
            ms += (rest[end] - '0') * scale;
            scale /= 10;
            ++end;
        }
        rest.remove_prefix(end);
    }
    if (rest == "Z") return ms;
    if (rest.size() != 6 || (rest[0] != '+' && rest[0] != '-') || rest[3] != ':') {
        return std::nullopt;
    }
    const auto hours = digits(rest, 1, 2);
    const auto mins = digits(rest, 4, 2);
    if (!hours || !mins) return std::nullopt;
    const auto offset = (*hours * 60 + *mins) * 60'000;
    return rest[0] == '+' ? ms - offset : ms + offset;
}

}  // namespace

std::optional<WallTime> parse_log_time(std::string_view text) {
    if (text.size() < 20 || text[4] != '-' || text[7] != '-' || text[10] != 'T' ||
        text[13] != ':' || text[16] != ':') {
        return std::nullopt;
    }
    const auto year = digits(text, 0, 4);
    const auto month = digits(text, 5, 2);
    const auto day = digits(text, 8, 2);
    const auto hour = digits(text, 11, 2);
    const auto minute = digits(text, 14, 2);
    const auto second = digits(text, 17, 2);
    const auto rest = fraction_and_offset_ms(text.substr(19));
    if (!year || !month || !day || !hour || !minute || !second || !rest) return std::nullopt;
    using namespace std::chrono;
    const year_month_day date{std::chrono::year(*year), std::chrono::month(unsigned(*month)),
                              std::chrono::day(unsigned(*day))};
    if (!date.ok()) return std::nullopt;
    const std::int64_t days = sys_days(date).time_since_epoch().count();
    return WallTime{((days * 24 + *hour) * 60 + *minute) * 60'000 + *second * 1000 + *rest};
}

std::optional<RawLogLine> LogAssembler::feed(std::string_view file_line) {
    const auto space = file_line.find(' ');
    if (space == std::string_view::npos) return std::nullopt;
    const auto at = parse_log_time(file_line.substr(0, space));
    if (!at) return std::nullopt;
    file_line.remove_prefix(space + 1);
    const bool is_error = file_line.starts_with("stderr ");
    if (!is_error && !file_line.starts_with("stdout ")) return std::nullopt;
    file_line.remove_prefix(7);
    if (!file_line.starts_with("F") && !file_line.starts_with("P")) return std::nullopt;
    const bool whole = file_line.front() == 'F';
    file_line.remove_prefix(file_line.size() > 1 && file_line[1] == ' ' ? 2 : 1);

    auto& line = partial_.try_emplace(is_error, RawLogLine{*at, is_error, ""}).first->second;
    const auto room = k_log_text_bytes_max - line.text.size();
    line.text += file_line.substr(0, room);
    if (!whole) return std::nullopt;
    auto complete = std::move(line);
    partial_.erase(is_error);
    return complete;
}

}  // namespace moln
