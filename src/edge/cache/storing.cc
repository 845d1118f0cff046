#include "edge/cache/storing.h"

#include <array>

#include "http/conditional.h"
#include "http/status.h"
#include "http/vary.h"

namespace moln::edge {
namespace {

using http::FieldId;

// RFC 9111 3.5.
bool is_for_all(const http::CacheControl& control) {
    return control.is_public || control.must_revalidate || control.s_maxage.has_value();
}

// What the edge tells the app of a client is in no head that is looked up: by that one client's
// answer cannot be told from another's.
bool varies_unseen(std::string_view vary_names, Identity identity) {
    bool found = false;
    http::for_each_element(vary_names, [&](std::string_view name) {
        const FieldId id = http::field_id(name);
        found = found || id == FieldId::x_forwarded_for ||
                (id == FieldId::x_forwarded_user && identity == Identity::password);
    });
    return found;
}

// It was chosen by a coding that Accept-Encoding is not told apart by.
bool varies_by_other_coding(std::string_view vary_names, const http::FieldTable& response) {
    bool varies = false;
    http::for_each_element(vary_names, [&](std::string_view name) {
        varies = varies || http::field_id(name) == FieldId::accept_encoding;
    });
    bool other = false;
    for (const std::string_view codings : response.all(FieldId::content_encoding)) {
        http::for_each_element(codings, [&](std::string_view coding) {
            other = other || !http::is_told_apart(coding);
        });
    }
    return varies && other;
}

StoreRefusal refusal_of(const http::RequestHead& request, const http::ResponseHead& response,
                        const CacheOrders& orders, const Freshness& freshness,
                        std::int64_t delay_ms, PartAsked part, Identity identity) {
    const http::CacheControl& control = orders.control;
    const std::uint16_t status = response.status;
    if (status < 200) return StoreRefusal::upgraded;
    if ((status == 206 && part == PartAsked::no) || status == 304) return StoreRefusal::status;
    if (control.must_understand) {
        // RFC 9111 5.2.2.3: then no-store is for those who do not understand the status.
        if (http::reason_phrase(status).empty()) return StoreRefusal::status;
    } else if (control.no_store) {
        return StoreRefusal::no_store;
    }
    if (http::cache_control_of(request.fields).no_store) return StoreRefusal::no_store;
    if (control.is_private) return StoreRefusal::is_private;
    const bool has_credentials =
        identity != Identity::by_head || request.fields.has(FieldId::authorization);
    if (has_credentials && !is_for_all(control)) {
        return StoreRefusal::authorization;
    }
    if (!freshness.said && !is_heuristically_cacheable(status) && !control.is_public) {
        return StoreRefusal::status;
    }
    std::array<char, http::k_vary_bytes_max> names;
    const auto varies_by = http::vary_names(response.fields, names);
    if (!varies_by || varies_unseen(*varies_by, identity) ||
        varies_by_other_coding(*varies_by, response.fields)) {
        return StoreRefusal::vary;
    }
    const bool validates =
        response.fields.has(FieldId::etag) || response.fields.has(FieldId::last_modified);
    const std::int64_t usable =
        freshness.lifetime_ms + std::max(freshness.revalidate_ms, freshness.error_ms);
    // Those who wait for it are not to ask a slow app too: what it has aged by on its way counts
    // for who comes later.
    const std::int64_t age_ms = freshness.age_ms - std::max<std::int64_t>(delay_ms, 0);
    if (freshness.always_validate ? !validates : (usable <= age_ms && !validates)) {
        return StoreRefusal::stale;
    }
    return StoreRefusal::none;
}

bool lives(const Freshness& freshness) {
    return freshness.lifetime_ms > 0 && !freshness.always_validate;
}

// Without a lifetime it is validated for each, who would be given the cookie of another with the
// app's 304.
bool sets_cookie_for_one(const http::FieldTable& response, const Freshness& freshness) {
    return response.has(FieldId::set_cookie) && !lives(freshness);
}

// What a cookie may have chosen, and is validated by its date: another's has the same, while an
// entity tag is of these very bytes.
bool is_of_cookie_alone(const http::RequestHead& request, const http::FieldTable& response,
                        const CacheOrders& orders, const StoreVerdict& verdict) {
    const bool says =
        lives(verdict.freshness) || orders.control.is_public || response.has(FieldId::etag);
    return request.fields.has(FieldId::cookie) && !says;
}

}  // namespace

CacheRole cache_role(const http::RequestHead& request) {
    switch (request.method) {
        case http::Method::get:
        case http::Method::head: break;
        case http::Method::options:
        case http::Method::trace:
        case http::Method::connect: return CacheRole::pass;
        default: return CacheRole::invalidate;
    }
    // A body makes it a request like no other; an upgrade no request; what only the origin may
    // judge, the origin judges.
    const bool plain = !request.facts.chunked && request.facts.content_length.value_or(0) == 0 &&
                       !request.facts.has_upgrade && request.form != http::TargetForm::asterisk;
    if (!plain || http::has_origin_precondition(request.fields)) return CacheRole::pass;
    return CacheRole::lookup;
}

std::string_view word(StoreRefusal refusal) {
    switch (refusal) {
        case StoreRefusal::none: break;
        case StoreRefusal::no_store: return "no-store";
        case StoreRefusal::is_private: return "private";
        case StoreRefusal::authorization: return "authorization";
        case StoreRefusal::status: return "status";
        case StoreRefusal::stale: return "stale";
        case StoreRefusal::vary: return "vary";
        case StoreRefusal::upgraded: return "upgraded";
        case StoreRefusal::peer: return "peer";
        case StoreRefusal::no_memory: return "no-memory";
        case StoreRefusal::too_large: return "too-large";
    }
    return "";
}

StoreVerdict judge_store(const http::RequestHead& request, const http::ResponseHead& response,
                         const ResponseTimes& times, const CacheSpec& rules, PartAsked part,
                         Identity identity, Judged judged) {
    const CacheOrders orders = orders_of(response.fields);
    const bool personal =
        request.fields.has(FieldId::cookie) || response.fields.has(FieldId::set_cookie);
    StoreVerdict out;
    out.freshness =
        freshness_of(response, orders, times, rules, personal ? Personal::yes : Personal::no);
    out.refusal = refusal_of(request, response, orders, out.freshness,
                             times.came.ms - times.asked.ms, part, identity);
    const bool is_one_persons =
        sets_cookie_for_one(response.fields, out.freshness) ||
        (judged == Judged::anew && is_of_cookie_alone(request, response.fields, orders, out));
    if (out.refusal == StoreRefusal::none && is_one_persons) {
        out.refusal = StoreRefusal::is_private;
    }
    return out;
}

}  // namespace moln::edge
