#include "http/conditional.h"

#include "http/date.h"
#include "http/scan.h"

namespace moln::http {
namespace {

bool is_weak(std::string_view tag) {
    return tag.starts_with("W/");
}
std::string_view opaque(std::string_view tag) {
    return is_weak(tag) ? tag.substr(2) : tag;
}

// Elements of If-None-Match: commas within a quoted tag are the tag's.
template <typename Visit>
void for_each_tag(std::string_view list, Visit&& visit) {
    for (std::size_t at = 0; at < list.size();) {
        std::size_t end = at;
        bool quoted = false;
        for (; end < list.size() && (quoted || list[end] != ','); ++end) {
            if (list[end] == '"') quoted = !quoted;
        }
        const auto tag = trim_blanks(list.substr(at, end - at));
        if (!tag.empty()) visit(tag);
        at = end + 1;
    }
}

}  // namespace

bool equals_weakly(std::string_view a, std::string_view b) {
    return !a.empty() && opaque(a) == opaque(b);
}

bool equals_strongly(std::string_view a, std::string_view b) {
    return !a.empty() && a == b && !is_weak(a);
}

Validators validators_of(const FieldTable& fields, WallTime date) {
    return {.etag = fields.first(FieldId::etag).value_or(""),
            .last_modified = fields.first(FieldId::last_modified).value_or(""),
            .date = date};
}

bool is_not_modified(const FieldTable& request, const Validators& held, WallTime now) {
    bool asked = false;
    bool matched = false;
    for (const std::string_view value : request.all(FieldId::if_none_match)) {
        asked = true;
        for_each_tag(value, [&](std::string_view tag) {
            matched = matched || tag == "*" || equals_weakly(tag, held.etag);
        });
    }
    if (asked) return matched;
    const auto since = request.only(FieldId::if_modified_since);
    if (!since) return false;
    const auto limit = parse_date(*since, now);
    if (!limit) return false;
    // RFC 9111 4.3.2: without Last-Modified, Date says when it was current.
    if (held.last_modified.empty()) return held.date <= *limit;
    const auto modified = parse_date(held.last_modified, now);
    return modified ? *modified <= *limit : held.last_modified == *since;
}

bool if_range_holds(const FieldTable& request, const Validators& held, WallTime now) {
    if (!request.has(FieldId::if_range)) return true;
    const auto value = request.only(FieldId::if_range);
    if (!value || value->empty()) return false;
    if (value->front() == '"' || is_weak(*value)) return equals_strongly(*value, held.etag);
    const auto wanted = parse_date(*value, now);
    const auto modified = parse_date(held.last_modified, now);
    // A date is a strong validator only when it is a minute older than the response (8.8.2.2).
    return wanted && modified && *wanted == *modified && *modified + seconds(60) <= held.date;
}

bool has_origin_precondition(const FieldTable& request) {
    return request.has(FieldId::if_match) || request.has(FieldId::if_unmodified_since);
}

}  // namespace moln::http
