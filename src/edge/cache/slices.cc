#include "edge/cache/slices.h"

#include <algorithm>

#include "http/date.h"
#include "http/write.h"

namespace moln::edge {

std::optional<std::string_view> slice_key(std::string_view key, std::uint64_t number,
                                          std::span<char, k_cache_key_bytes_max> out) {
    http::ByteWriter text(out);
    text.text(key);
    text.text(" ");
    text.number(number);
    if (!text.fits()) return std::nullopt;
    return text.written();
}

std::optional<std::string_view> unsliced_key(std::string_view key,
                                             std::span<char, k_cache_key_bytes_max> out) {
    http::ByteWriter text(out);
    text.text(key);
    text.text(" -");
    if (!text.fits()) return std::nullopt;
    return text.written();
}

std::uint64_t first_slice(const std::optional<http::RangeWish>& wish) {
    return wish && wish->first ? slice_of(*wish->first) : 0;
}

http::ByteRange slices_of(const http::FieldTable& request, std::uint64_t total) {
    const auto wish = http::range_of(request);
    // If-Range may make it the whole.
    const bool of_part = wish && !request.has(http::FieldId::if_range);
    const auto range = of_part ? http::resolve(*wish, total) : std::nullopt;
    if (range) return {.first = slice_of(range->first), .last = slice_of(range->last)};
    return {.first = 0, .last = total == 0 ? 0 : slice_of(total - 1)};
}

std::string_view slice_validator(const http::FieldTable& response, WallTime now) {
    using http::FieldId;
    const auto etag = response.first(FieldId::etag);
    if (etag) return etag->size() > 2 && etag->starts_with('"') ? *etag : std::string_view();
    const auto modified_text = response.first(FieldId::last_modified);
    const auto date_text = response.first(FieldId::date);
    if (!modified_text || !date_text) return {};
    const auto modified = http::parse_date(*modified_text, now);
    const auto date = http::parse_date(*date_text, now);
    const bool strong = modified && date && *modified + seconds(60) <= *date;
    return strong ? *modified_text : std::string_view();
}

std::optional<SliceFacts> slice_facts(const http::ResponseHead& response, std::uint64_t number,
                                      WallTime now) {
    const auto text = response.fields.only(http::FieldId::content_range);
    if (response.status != 206 || !text) return std::nullopt;
    const auto range = http::parse_content_range(*text);
    if (!range) return std::nullopt;
    const auto wanted = slice_range(number);
    const bool whole = range->range.first == wanted.first &&
                       range->range.last == std::min(wanted.last, range->length - 1);
    const auto validator = slice_validator(response.fields, now);
    if (!whole || validator.empty()) return std::nullopt;
    return SliceFacts{.first = wanted.first,
                      .size = range->range.size(),
                      .total = range->length,
                      .validator = validator};
}

bool may_have_slices(const http::ResponseHead& response, WallTime now) {
    const auto accepts = response.fields.first("Accept-Ranges");
    return response.status == 200 && !slice_validator(response.fields, now).empty() &&
           (!accepts || !http::equals_ignoring_case(*accepts, "none"));
}

}  // namespace moln::edge
