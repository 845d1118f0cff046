#include "model/cron.h"

#include <array>
#include <charconv>
#include <chrono>
#include <string>
#include <vector>

#include <fmt/format.h>

namespace moln {
namespace {

constexpr std::int64_t k_minute_ms = 60'000;
constexpr std::int64_t k_day_minutes = 24 * 60;
// 29 February is at most eight years away (2096 to 2104: 2100 is no leap year), and with a day
// of the week asked for as well either of the two is enough. 8 * 366 days, rounded up.
constexpr int k_search_days = 3000;
constexpr WallTime k_last{253'402'300'799'000};  // the last second of 9999

struct Field {
    std::string_view what;
    int min;
    int max;
    std::string_view names;  // three letters each, the first means `first_name`
    int first_name = 0;
};

constexpr std::array<Field, 5> k_fields = {{
    {"minute", 0, 59, ""},
    {"hour", 0, 23, ""},
    {"day of month", 1, 31, ""},
    {"month", 1, 12, "janfebmaraprmayjunjulaugsepoctnovdec", 1},
    {"day of week", 0, 7, "sunmontuewedthufrisat", 0},
}};

std::unexpected<Error> wrong(const Field& field, std::string_view text) {
    return fail(ErrorCode::invalid,
                fmt::format("{}: expected {} to {}, \"*\", or lists, ranges and steps of these "
                            "(\"1,5\", \"1-5\", \"*/10\"), found \"{}\"",
                            field.what, field.min, field.max, text));
}

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    for (;;) {
        const auto at = text.find(separator);
        parts.push_back(text.substr(0, at));
        if (at == std::string_view::npos) return parts;
        text.remove_prefix(at + 1);
    }
}

std::vector<std::string_view> words(std::string_view text) {
    std::vector<std::string_view> found;
    for (;;) {
        const auto begin = text.find_first_not_of(" \t");
        if (begin == std::string_view::npos) return found;
        text.remove_prefix(begin);
        const auto end = std::min(text.find_first_of(" \t"), text.size());
        found.push_back(text.substr(0, end));
        text.remove_prefix(end);
    }
}

std::optional<int> number(std::string_view text) {
    int value = 0;
    const auto* end = text.data() + text.size();
    const auto [stop, code] = std::from_chars(text.data(), end, value);
    if (code != std::errc{} || stop != end || value < 0) return std::nullopt;
    return value;
}

std::optional<int> value_of(const Field& field, std::string_view text) {
    if (text.size() == 3) {
        std::string lower;
        for (const char c : text) {
            lower += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
        }
        for (std::size_t at = 0; at + 3 <= field.names.size(); at += 3) {
            if (field.names.substr(at, 3) == lower) {
                return field.first_name + static_cast<int>(at / 3);
            }
        }
    }
    const auto value = number(text);
    if (!value || *value < field.min || *value > field.max) return std::nullopt;
    return value;
}

struct Range {
    int first;
    int last;
    int step;
};

// One item of a list: "*", "5", "1-5", each with "/step" but for a single value.
std::optional<Range> range_of(const Field& field, std::string_view item) {
    Range range{field.min, field.max, 1};
    const auto slash = item.find('/');
    if (slash != std::string_view::npos) {
        const auto step = number(item.substr(slash + 1));
        if (!step || *step < 1 || *step > field.max) return std::nullopt;
        range.step = *step;
        item = item.substr(0, slash);
    }
    if (item == "*") return range;
    const auto dash = item.find('-');
    const auto first = value_of(field, item.substr(0, dash));
    if (!first) return std::nullopt;
    range.first = *first;
    if (dash == std::string_view::npos) {
        if (slash != std::string_view::npos) return std::nullopt;
        range.last = *first;
        return range;
    }
    const auto last = value_of(field, item.substr(dash + 1));
    if (!last || *last < *first) return std::nullopt;
    range.last = *last;
    return range;
}

template <std::size_t Size>
Status read_field(const Field& field, std::string_view text, std::bitset<Size>& out) {
    for (const auto item : split(text, ',')) {
        const auto range = range_of(field, item);
        if (!range) return wrong(field, text);
        for (int value = range->first; value <= range->last; value += range->step) {
            // Only the day of the week has one value more than bits: 7 is Sunday again.
            out.set(static_cast<std::size_t>(value) % Size);
        }
    }
    return {};
}

bool day_matches(const CronSchedule& schedule, std::chrono::sys_days day) {
    const std::chrono::year_month_day date{day};
    if (!schedule.months.test(static_cast<unsigned>(date.month()))) return false;
    const bool month_day = schedule.month_days.test(static_cast<unsigned>(date.day()));
    const bool week_day = schedule.week_days.test(std::chrono::weekday{day}.c_encoding());
    return schedule.either_day ? month_day || week_day : month_day && week_day;
}

// The first matching minute of a day from `from` on (0..1439).
std::optional<std::int64_t> minute_of_day(const CronSchedule& schedule, std::int64_t from) {
    for (auto minute = from; minute < k_day_minutes; ++minute) {
        const auto hour = static_cast<std::size_t>(minute / 60);
        if (!schedule.hours.test(hour)) {
            minute = (minute / 60 + 1) * 60 - 1;
        } else if (schedule.minutes.test(static_cast<std::size_t>(minute % 60))) {
            return minute;
        }
    }
    return std::nullopt;
}

std::int64_t floor_div(std::int64_t a, std::int64_t b) {
    return a / b - (a % b < 0 ? 1 : 0);
}

}  // namespace

Result<CronSchedule> parse_cron(std::string_view expression) {
    const auto fields = words(expression);
    if (fields.size() != k_fields.size()) {
        return fail(ErrorCode::invalid,
                    fmt::format("expected five fields (minute, hour, day of month, month, day of "
                                "week; UTC) such as \"*/15 * * * *\", found \"{}\"",
                                expression));
    }
    CronSchedule schedule;
    MOLN_TRY(read_field(k_fields[0], fields[0], schedule.minutes));
    MOLN_TRY(read_field(k_fields[1], fields[1], schedule.hours));
    MOLN_TRY(read_field(k_fields[2], fields[2], schedule.month_days));
    MOLN_TRY(read_field(k_fields[3], fields[3], schedule.months));
    MOLN_TRY(read_field(k_fields[4], fields[4], schedule.week_days));
    schedule.either_day = !fields[2].starts_with('*') && !fields[4].starts_with('*');
    if (!next_fire(schedule, WallTime{0})) {
        return fail(ErrorCode::invalid, fmt::format("no date ever matches \"{}\"", expression));
    }
    return schedule;
}

std::optional<WallTime> next_fire(const CronSchedule& schedule, WallTime after) {
    if (after >= k_last) return std::nullopt;
    const auto first = floor_div(after.ms, k_minute_ms) + 1;  // whole minutes since 1970
    auto day = floor_div(first, k_day_minutes);
    auto from = first - day * k_day_minutes;
    for (int tried = 0; tried < k_search_days; ++tried, ++day, from = 0) {
        if (!day_matches(schedule, std::chrono::sys_days{std::chrono::days{day}})) continue;
        const auto minute = minute_of_day(schedule, from);
        if (!minute) continue;
        const WallTime found{(day * k_day_minutes + *minute) * k_minute_ms};
        if (found > k_last) return std::nullopt;
        return found;
    }
    return std::nullopt;
}

}  // namespace moln
