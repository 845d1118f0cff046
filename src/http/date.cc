#include "http/date.h"

#include <array>
#include <chrono>
#include <cstdint>

#include "http/scan.h"

namespace moln::http {
namespace {

constexpr std::array<std::string_view, 7> k_days = {"Sun", "Mon", "Tue", "Wed",
                                                    "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 7> k_long_days = {
    "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};
constexpr std::array<std::string_view, 12> k_months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::int64_t k_day_s = 86'400;
constexpr std::int64_t k_first_s = -62'167'219'200;  // 0000-01-01 00:00:00
constexpr std::int64_t k_last_s = 253'402'300'799;   // 9999-12-31 23:59:59

std::int64_t floor_div(std::int64_t a, std::int64_t b) {
    return a / b - (a % b < 0 ? 1 : 0);
}

struct Parts {
    int year = 0;
    unsigned month = 0;  // 1 to 12
    unsigned day = 0;
    unsigned hour = 0;
    unsigned minute = 0;
    unsigned second = 0;  // 60 in a leap second
};

// Takes the text apart from the left; `good` stays false after the first mismatch.
class Reader {
public:
    explicit Reader(std::string_view text) : text_(text) {}

    void literal(std::string_view expected) {
        good_ = good_ && text_.starts_with(expected);
        if (good_) text_.remove_prefix(expected.size());
    }
    template <std::size_t N>
    unsigned one_of(const std::array<std::string_view, N>& words) {
        for (std::size_t i = 0; i < N && good_; ++i) {
            if (!text_.starts_with(words[i])) continue;
            text_.remove_prefix(words[i].size());
            return static_cast<unsigned>(i);
        }
        good_ = false;
        return 0;
    }
    unsigned digits(std::size_t count) {
        unsigned value = 0;
        for (std::size_t i = 0; i < count; ++i) {
            good_ = good_ && i < text_.size() && is_digit(text_[i]);
            if (!good_) return 0;
            value = value * 10 + static_cast<unsigned>(text_[i] - '0');
        }
        text_.remove_prefix(count);
        return value;
    }
    // asctime's day: two digits or a blank and one.
    unsigned day_of_asctime() {
        if (good_ && text_.starts_with(' ')) {
            text_.remove_prefix(1);
            return digits(1);
        }
        return digits(2);
    }
    void time_of_day(Parts& parts) {
        parts.hour = digits(2);
        literal(":");
        parts.minute = digits(2);
        literal(":");
        parts.second = digits(2);
    }
    bool at_end() const { return good_ && text_.empty(); }

private:
    std::string_view text_;
    bool good_ = true;
};

std::optional<std::int64_t> to_seconds(const Parts& parts) {
    const std::chrono::year_month_day date{std::chrono::year{parts.year},
                                           std::chrono::month{parts.month},
                                           std::chrono::day{parts.day}};
    if (!date.ok() || parts.hour > 23 || parts.minute > 59 || parts.second > 60) {
        return std::nullopt;
    }
    const std::int64_t days = std::chrono::sys_days{date}.time_since_epoch().count();
    const unsigned of_day = parts.hour * 3600 + parts.minute * 60 + parts.second;
    return days * k_day_s + of_day;
}

std::optional<Parts> read_imf_fixdate(std::string_view text) {
    Reader reader(text);
    Parts parts;
    reader.one_of(k_days);
    reader.literal(", ");
    parts.day = reader.digits(2);
    reader.literal(" ");
    parts.month = reader.one_of(k_months) + 1;
    reader.literal(" ");
    parts.year = static_cast<int>(reader.digits(4));
    reader.literal(" ");
    reader.time_of_day(parts);
    reader.literal(" GMT");
    if (!reader.at_end()) return std::nullopt;
    return parts;
}

std::optional<Parts> read_asctime(std::string_view text) {
    Reader reader(text);
    Parts parts;
    reader.one_of(k_days);
    reader.literal(" ");
    parts.month = reader.one_of(k_months) + 1;
    reader.literal(" ");
    parts.day = reader.day_of_asctime();
    reader.literal(" ");
    reader.time_of_day(parts);
    reader.literal(" ");
    parts.year = static_cast<int>(reader.digits(4));
    if (!reader.at_end()) return std::nullopt;
    return parts;
}

// The year has two digits here.
std::optional<Parts> read_rfc850(std::string_view text) {
    Reader reader(text);
    Parts parts;
    reader.one_of(k_long_days);
    reader.literal(", ");
    parts.day = reader.digits(2);
    reader.literal("-");
    parts.month = reader.one_of(k_months) + 1;
    reader.literal("-");
    parts.year = static_cast<int>(reader.digits(2));
    reader.literal(" ");
    reader.time_of_day(parts);
    reader.literal(" GMT");
    if (!reader.at_end()) return std::nullopt;
    return parts;
}

int year_of(std::int64_t seconds) {
    const std::chrono::sys_days day{std::chrono::days{floor_div(seconds, k_day_s)}};
    return static_cast<int>(std::chrono::year_month_day{day}.year());
}

// The latest year with these digits that is not more than 50 years after now's.
int full_year(int two_digits, WallTime now) {
    const int latest = year_of(floor_div(now.ms, 1000)) + 50;
    const int year = latest - latest % 100 + two_digits;
    return year > latest ? year - 100 : year;
}

void put_digits(std::span<char> out, unsigned value) {
    for (std::size_t i = out.size(); i-- > 0; value /= 10) {
        out[i] = static_cast<char>('0' + value % 10);
    }
}
void put_text(std::span<char> out, std::string_view text) {
    for (std::size_t i = 0; i < text.size(); ++i) out[i] = text[i];
}

}  // namespace

void format_date(WallTime time, std::span<char, k_date_bytes> out) {
    std::int64_t seconds = floor_div(time.ms, 1000);
    seconds = seconds < k_first_s ? k_first_s : seconds > k_last_s ? k_last_s : seconds;
    const std::int64_t day_number = floor_div(seconds, k_day_s);
    const auto of_day = static_cast<unsigned>(seconds - day_number * k_day_s);
    const std::chrono::sys_days day{std::chrono::days{day_number}};
    const std::chrono::year_month_day date{day};
    put_text(out, "Sun, 06 Nov 1994 08:49:37 GMT");
    put_text(out, k_days[std::chrono::weekday{day}.c_encoding()]);
    put_digits(out.subspan(5, 2), static_cast<unsigned>(date.day()));
    put_text(out.subspan(8), k_months[static_cast<unsigned>(date.month()) - 1]);
    put_digits(out.subspan(12, 4), static_cast<unsigned>(static_cast<int>(date.year())));
    put_digits(out.subspan(17, 2), of_day / 3600);
    put_digits(out.subspan(20, 2), of_day / 60 % 60);
    put_digits(out.subspan(23, 2), of_day % 60);
}

std::optional<WallTime> parse_date(std::string_view text, WallTime now) {
    std::optional<Parts> parts = read_imf_fixdate(text);
    if (!parts) parts = read_asctime(text);
    if (!parts) {
        parts = read_rfc850(text);
        if (parts) parts->year = full_year(parts->year, now);
    }
    if (!parts) return std::nullopt;
    const auto seconds = to_seconds(*parts);
    if (!seconds) return std::nullopt;
    return WallTime{*seconds * 1000};
}

}  // namespace moln::http
