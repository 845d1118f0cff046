#include "edge/cache/compressing.h"

#include <algorithm>
#include <array>

#include "edge/limits.h"
#include "http/scan.h"
#include "http/write.h"
#include "model/media_type.h"

namespace moln::edge {
namespace {

using http::FieldId;

// What says something of the bytes, as they are.
constexpr std::array<std::string_view, 3> k_sums = {"Digest", "Content-Digest", "Repr-Digest"};

bool lists(std::string_view names, std::string_view wanted) {
    bool found = false;
    http::for_each_element(names, [&](std::string_view name) { found = found || name == wanted; });
    return found;
}

bool is_event_stream(std::string_view content_type) {
    const auto type = http::trim_blanks(content_type.substr(0, content_type.find(';')));
    return http::equals_ignoring_case(type, "text/event-stream");
}

// Whose size must tell nothing.
bool may_hold_secrets(const http::RequestHead& request, const http::ResponseHead& response,
                      std::string_view vary_names) {
    return request.fields.first(FieldId::authorization) ||
           response.fields.first(FieldId::set_cookie) || lists(vary_names, "cookie") ||
           lists(vary_names, "authorization");
}

}  // namespace

bool may_be_compressed(const http::RequestHead& request, const http::ResponseHead& response,
                       std::string_view vary_names) {
    const http::FieldTable& fields = response.fields;
    if (response.status != 200 || fields.first(FieldId::content_encoding) ||
        fields.first(FieldId::content_range) || fields.first(FieldId::content_md5)) {
        return false;
    }
    const auto type = fields.only(FieldId::content_type);
    // Events are sent one by one, to be read one by one.
    if (!type || !is_compressible(*type) || is_event_stream(*type)) return false;
    if (http::cache_control_of(fields).no_transform) return false;
    const auto is_there = [&](std::string_view name) { return fields.first(name).has_value(); };
    if (std::ranges::any_of(k_sums, is_there)) return false;
    if (fields.first(FieldId::etag).value_or("").size() + 2 > k_coded_etag_bytes_max) return false;
    // The app chooses by what is taken: what it sends then is its choice.
    if (lists(vary_names, "accept-encoding")) return false;
    return !may_hold_secrets(request, response, vary_names);
}

bool is_compressible_length(std::optional<std::uint64_t> length) {
    return !length ||
           (*length >= k_cache_compress_bytes_min && *length <= k_cache_compress_bytes_max);
}

std::uint64_t compressed_bytes_max(std::uint64_t bytes) {
    return bytes - bytes / k_cache_compress_gain_part;
}

CodingWish coding_wish(const http::RequestHead& request, const http::CacheControl& control) {
    if (control.no_transform) return {};
    CodingWish out{.codings = http::accepted_codings(request.fields)};
    const bool plain = std::ranges::none_of(
        k_coding_order, [&](ContentCoding coding) { return out.codings.weight(coding) > 0; });
    if (plain) return out;
    const auto held = request.fields.first(FieldId::if_range);
    const bool by_date = held && !held->starts_with('"') && !held->starts_with("W/");
    out.parts = out.codings.weight(ContentCoding::identity) > 0 && !by_date;
    return out;
}

std::string_view weakened(std::string_view etag, std::span<char, k_coded_etag_bytes_max> out) {
    if (etag.empty() || etag.starts_with("W/")) return etag;
    http::ByteWriter text(out);
    text.text("W/");
    text.text(etag);
    return text.fits() ? text.written() : std::string_view();
}

}  // namespace moln::edge
