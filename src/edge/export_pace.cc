#include "edge/export_pace.h"

#include <algorithm>
#include <charconv>

#include <boost/json.hpp>

#include "edge/limits.h"
#include "http/date.h"

namespace moln::edge {
namespace {

namespace json = boost::json;

template <typename Number>
std::optional<Number> whole_number(std::string_view text) {
    Number number = 0;
    const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || rest != text.data() + text.size()) return std::nullopt;
    return number;
}

// As protobuf's JSON has int64: a string, or a number by those who do not know better.
std::int64_t int64_of(const json::value& value) {
    if (const auto* text = value.if_string()) {
        return whole_number<std::int64_t>({text->data(), text->size()}).value_or(0);
    }
    json::error_code error;
    const auto number = value.to_number<std::int64_t>(error);
    return error ? 0 : number;
}

}  // namespace

ExportVerdict export_verdict(std::uint16_t status) {
    if (status / 100 == 2) return ExportVerdict::taken;
    switch (status) {
        case 0:
        case 429:
        case 502:
        case 503:
        case 504: return ExportVerdict::again;
        default: return ExportVerdict::lost;
    }
}

std::optional<Milliseconds> retry_after(std::string_view text, WallTime now) {
    std::int64_t ms = 0;
    if (const auto count = whole_number<std::uint32_t>(text)) {
        ms = std::int64_t{*count} * 1000;
    } else if (const auto date = http::parse_date(text, now)) {
        ms = date->ms - now.ms;
    } else {
        return std::nullopt;
    }
    return Milliseconds{std::clamp<std::int64_t>(ms, 0, k_export_retry_after_max.count)};
}

std::int64_t rejected_spans(std::string_view body) {
    json::error_code error;
    const auto whole = json::parse(body, error);
    if (error || !whole.is_object()) return 0;
    const auto* partial = whole.get_object().if_contains("partialSuccess");
    if (partial == nullptr || !partial->is_object()) return 0;
    const auto* rejected = partial->get_object().if_contains("rejectedSpans");
    return rejected == nullptr ? 0 : std::max<std::int64_t>(int64_of(*rejected), 0);
}

MonoTime ExportPace::after_failure(MonoTime now, std::uint64_t dice,
                                   std::optional<Milliseconds> asked) {
    // Doubled so often it is past the longest.
    constexpr int k_doublings_max = 16;
    const std::int64_t whole =
        std::min(k_export_retry_first.count << std::min(failures_, k_doublings_max),
                 k_export_retry_max.count);
    ++failures_;
    const auto half = static_cast<std::uint64_t>(whole) / 2;
    Milliseconds pause{static_cast<std::int64_t>(half + dice % (half + 1))};
    if (asked) pause = std::max(pause, *asked);
    return now + pause;
}

}  // namespace moln::edge
