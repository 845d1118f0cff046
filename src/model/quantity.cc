#include "model/quantity.h"

#include <array>
#include <charconv>
#include <cstdint>
#include <limits>
#include <optional>

#include <fmt/format.h>

namespace moln {
namespace {

constexpr std::int64_t k_widest = std::numeric_limits<std::int64_t>::max();

struct Unit {
    std::string_view word;
    std::int64_t count;
};

// Longest first, as format_duration writes and parse_duration expects them.
constexpr std::array<Unit, 5> k_durations = {
    {{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1000}, {"ms", 1}}};

constexpr std::array<Unit, 4> k_sizes = {
    {{"T", std::int64_t{1} << 40}, {"G", 1 << 30}, {"M", 1 << 20}, {"K", 1 << 10}}};

// Takes the digits in front of `text`. Nothing if there are none or the number is too large.
std::optional<std::int64_t> take_number(std::string_view& text) {
    if (text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;
    std::int64_t number = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (code != std::errc{}) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return number;
}

std::string_view take_letters(std::string_view& text) {
    std::size_t length = 0;
    while (length < text.size() && (text[length] < '0' || text[length] > '9')) ++length;
    const auto letters = text.substr(0, length);
    text.remove_prefix(length);
    return letters;
}

char upper(char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}

std::optional<std::int64_t> size_unit(std::string_view word) {
    if (word.empty() || word == "B") return 1;
    for (const auto& unit : k_sizes) {
        if (upper(word.front()) != unit.word.front()) continue;
        const auto rest = word.substr(1);
        if (rest.empty() || rest == "i" || rest == "iB" || rest == "ib") return unit.count;
    }
    return std::nullopt;
}

}  // namespace

Result<Bytes> parse_size(std::string_view text) {
    const auto wrong = [] {
        return fail(ErrorCode::invalid, "expected a size such as \"512M\" or \"1GiB\"");
    };
    const auto number = take_number(text);
    if (!number) return wrong();
    const auto unit = size_unit(text);
    if (!unit || *number > k_widest / *unit) return wrong();
    return Bytes{*number * *unit};
}

Result<Milliseconds> parse_duration(std::string_view text) {
    const auto wrong = [] {
        return fail(ErrorCode::invalid, "expected a duration such as \"30s\", \"5m\" or \"1h30m\"");
    };
    if (text.empty()) return wrong();
    std::int64_t total = 0;
    std::size_t next = 0;  // units before this one have been used
    while (!text.empty()) {
        const auto number = take_number(text);
        if (!number) return wrong();
        const auto word = take_letters(text);
        while (next < k_durations.size() && k_durations[next].word != word) ++next;
        if (next == k_durations.size()) return wrong();
        const auto unit = k_durations[next++].count;
        if (*number > (k_widest - total) / unit) return wrong();
        total += *number * unit;
    }
    return Milliseconds{total};
}

std::string format_size(Bytes size) {
    for (const auto& unit : k_sizes) {
        if (size.count != 0 && size.count % unit.count == 0) {
            return fmt::format("{}{}", size.count / unit.count, unit.word);
        }
    }
    return fmt::format("{}", size.count);
}

std::string format_duration(Milliseconds duration) {
    if (duration.count == 0) return "0s";
    std::string text = duration.count < 0 ? "-" : "";
    // The amount as unsigned, so that the most negative duration has one too.
    auto rest = static_cast<std::uint64_t>(duration.count);
    if (duration.count < 0) rest = 0 - rest;
    for (const auto& unit : k_durations) {
        const auto count = static_cast<std::uint64_t>(unit.count);
        if (rest >= count) text += fmt::format("{}{}", rest / count, unit.word);
        rest %= count;
    }
    return text;
}

}  // namespace moln
