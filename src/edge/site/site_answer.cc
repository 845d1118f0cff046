#include "edge/site/site_answer.h"

#include <optional>

#include "http/accept_encoding.h"
#include "http/conditional.h"

namespace moln::edge {
namespace {

constexpr std::string_view k_for_ever = "public, max-age=31536000, immutable";  // RFC 8246
constexpr std::string_view k_ask_again = "no-cache";

// Of which coding somebody has a part already, a date does not say.
bool says_which_form(const SiteEntry& entry, const http::FieldTable& request) {
    const auto held = request.first(http::FieldId::if_range);
    return entry.forms.size() == 1 || !held || held->starts_with('"') || held->starts_with("W/");
}

// The smallest of those that the client likes best. Identity too if it takes nothing that is here:
// that is better than nothing (RFC 9110 12.5.3).
const SiteForm& choose_form(const SiteEntry& entry, const http::FieldTable& request) {
    if (entry.forms.size() == 1) return entry.forms.front();
    const auto accepted = http::accepted_codings(request);
    const SiteForm* best = &entry.forms.front();
    auto best_weight = accepted.weight(best->coding);
    for (const auto& form : entry.forms) {
        const auto weight = accepted.weight(form.coding);
        if (weight == 0) continue;
        if (weight > best_weight || (weight == best_weight && form.bytes < best->bytes)) {
            best = &form;
            best_weight = weight;
        }
    }
    return *best;
}

bool names(std::string_view list, std::string_view etag) {
    bool found = false;
    http::for_each_element(list, [&](std::string_view one) {
        found = found || one == "*" || http::equals_strongly(one, etag);
    });
    return found;
}

// RFC 9110 13.2.2, the first two steps.
bool precondition_fails(const http::FieldTable& request, std::string_view etag, WallTime made,
                        WallTime now) {
    bool any = false;
    bool holds = false;
    for (const std::string_view value : request.all(http::FieldId::if_match)) {
        any = true;
        holds = holds || names(value, etag);
    }
    if (any) return !holds;
    const auto since = request.only(http::FieldId::if_unmodified_since);
    const auto date = since ? http::parse_date(*since, now) : std::nullopt;
    if (!date) return false;
    // A release before may have come back, older than what the client has a part of.
    if (request.has(http::FieldId::range)) return date->ms / 1000 != made.ms / 1000;
    return date->ms / 1000 < made.ms / 1000;
}

// A file may be older than the one it took the place of: only the very same date says that the
// client has it.
bool says_date(const http::FieldTable& request, std::string_view made) {
    return request.only(http::FieldId::if_modified_since) == made;
}

bool client_has_it(const http::FieldTable& request, const http::Validators& held, WallTime now) {
    const bool by_tag = request.has(http::FieldId::if_none_match);
    if (!by_tag && !says_date(request, held.last_modified)) return false;
    return http::is_not_modified(request, held, now);
}

void take_range(SiteAnswer& answer, const http::FieldTable& request, const http::Validators& held,
                WallTime now) {
    const auto wish = http::range_of(request);
    const bool same = says_which_form(*answer.entry, request);
    if (!wish || !same || !http::if_range_holds(request, held, now)) return;
    const auto range = http::resolve(*wish, answer.form->bytes);
    if (!range) {
        answer.status = 416;
        answer.end = 0;
        return;
    }
    answer.status = 206;
    answer.begin = range->first;
    answer.end = range->last + 1;
}

}  // namespace

std::string_view site_etag(const SiteEntry& entry, const SiteForm& form,
                           std::span<char, k_site_etag_bytes_max> room) {
    http::ByteWriter out(room);
    out.text("\"");
    out.text(entry.hash);
    if (form.coding != ContentCoding::identity) {
        out.text("-");
        out.text(coding_name(form.coding));
    }
    out.text("\"");
    return out.written();
}

SiteAnswer answer_with(const SiteFound& found, const SiteIndex& index,
                       const http::RequestHead& request, WallTime now) {
    const SiteForm& form = choose_form(*found.entry, request.fields);
    SiteAnswer answer{.entry = found.entry, .form = &form, .end = form.bytes};
    if (found.what == SiteFind::not_found) {
        answer.status = 404;
        return answer;
    }
    std::array<char, k_site_etag_bytes_max> room;
    const http::Validators held{.etag = site_etag(*found.entry, form, room),
                                .last_modified = index.made_text(),
                                .date = now};
    if (precondition_fails(request.fields, held.etag, index.made(), now)) {
        return {.status = 412};
    }
    if (client_has_it(request.fields, held, now)) {
        answer.status = 304;
        answer.end = 0;
    } else if (request.method == http::Method::get) {
        take_range(answer, request.fields, held, now);
    }
    return answer;
}

SiteFields::SiteFields(const SiteAnswer& answer, const SiteIndex& index) {
    const SiteEntry& entry = *answer.entry;
    const SiteForm& form = *answer.form;
    const bool page_of_404 = answer.status == 404;
    const bool has_content = answer.status == 200 || answer.status == 206 || page_of_404;
    if (has_content) {
        add("Content-Type", entry.type);
        const bool identity = form.coding == ContentCoding::identity;
        add("Content-Encoding", identity ? std::string_view() : coding_name(form.coding));
    }
    if (!page_of_404) {
        add("ETag", site_etag(entry, form, etag_));
        add("Last-Modified", index.made_text());
        add("Accept-Ranges", "bytes");
    }
    add("Cache-Control", entry.immutable && !page_of_404 ? k_for_ever : k_ask_again);
    if (entry.forms.size() > 1) add("Vary", "Accept-Encoding");
    if (answer.status == 206) {
        add("Content-Range",
            http::format_content_range(
                {.range = {.first = answer.begin, .last = answer.end - 1}, .length = form.bytes},
                range_));
    }
    if (answer.status == 416) {
        add("Content-Range", http::format_unsatisfied_range(form.bytes, range_));
    }
}

}  // namespace moln::edge
