#include "edge/cache/freshness.h"

#include <algorithm>

#include "http/date.h"
#include "http/scan.h"

namespace moln::edge {
namespace {

using http::FieldId;

constexpr std::int64_t k_for_ever_ms = std::int64_t{http::k_delta_seconds_max} * 1000;

std::int64_t ms(std::uint32_t seconds) {
    return std::int64_t{seconds} * 1000;
}

std::optional<WallTime> date_in(const http::FieldTable& fields, FieldId id, WallTime now) {
    const auto value = fields.only(id);
    return value ? http::parse_date(*value, now) : std::nullopt;
}

// RFC 9111 5.1: of a list the first counts. One that says a thing twice was doubled on its way, and
// an Age that is none, or on two lines, says only that it is old.
std::int64_t age_value_ms(const http::FieldTable& fields) {
    if (!fields.has(FieldId::age)) return 0;
    auto value = fields.only(FieldId::age);
    if (!value || value->empty()) return k_for_ever_ms;
    if (const auto comma = value->find(','); comma != std::string_view::npos) {
        const auto first = http::trim_blanks(value->substr(0, comma));
        if (first.empty() || first == http::trim_blanks(value->substr(comma + 1))) {
            return k_for_ever_ms;
        }
        value = first;
    }
    std::uint64_t seconds = 0;
    for (const char c : *value) {
        if (!http::is_digit(c)) return k_for_ever_ms;
        seconds = std::min<std::uint64_t>(seconds * 10 + static_cast<std::uint64_t>(c - '0'),
                                          http::k_delta_seconds_max);
    }
    return ms(static_cast<std::uint32_t>(seconds));
}

// RFC 9111 4.2.3. Date has whole seconds, so it is compared with the second in which we are.
std::int64_t initial_age_ms(const http::FieldTable& fields, const ResponseTimes& times) {
    std::int64_t apparent = 0;
    if (const auto date = date_in(fields, FieldId::date, times.came)) {
        apparent = std::max<std::int64_t>(0, times.came.ms / 1000 * 1000 - date->ms);
    }
    const std::int64_t delay = std::max<std::int64_t>(0, times.came.ms - times.asked.ms);
    return std::max(apparent, age_value_ms(fields) + delay);
}

// Expires less Date. One that is no date, or two of them, has passed (RFC 9111 5.3).
std::int64_t expires_ms(const http::FieldTable& fields, const ResponseTimes& times) {
    const auto expires = date_in(fields, FieldId::expires, times.came);
    if (!expires) return 0;
    const auto date = date_in(fields, FieldId::date, times.came).value_or(times.came);
    return std::clamp<std::int64_t>(expires->ms - date.ms, 0, k_for_ever_ms);
}

std::int64_t guessed_ms(const http::ResponseHead& response, const http::CacheControl& control,
                        const ResponseTimes& times, const CacheSpec& rules) {
    if (!is_heuristically_cacheable(response.status) && !control.is_public) return 0;
    if (rules.ttl.count > 0) return rules.ttl.count;
    const auto modified = date_in(response.fields, FieldId::last_modified, times.came);
    if (!modified) return 0;
    const auto date = date_in(response.fields, FieldId::date, times.came).value_or(times.came);
    return std::clamp<std::int64_t>((date.ms - modified->ms) / k_heuristic_part, 0,
                                    k_heuristic_max.count);
}

void note_lifetime(Freshness& out, const http::ResponseHead& response, const CacheOrders& orders,
                   const ResponseTimes& times, const CacheSpec& rules, Personal personal) {
    const http::CacheControl& control = orders.control;
    out.said = true;
    if (control.s_maxage) {
        out.lifetime_ms = ms(*control.s_maxage);
    } else if (control.max_age) {
        out.lifetime_ms = ms(*control.max_age);
    } else if (!orders.targeted && response.fields.first(FieldId::expires)) {
        out.lifetime_ms = expires_ms(response.fields, times);
    } else {
        out.said = false;
        if (personal == Personal::no) {
            out.lifetime_ms = guessed_ms(response, control, times, rules);
        }
    }
}

}  // namespace

CacheOrders orders_of(const http::FieldTable& response) {
    if (auto control = http::cdn_cache_control_of(response)) return {*control, true};
    auto surrogate = http::surrogate_control_of(response, k_surrogate_name);
    // Such as content="ESI/1.0" says nothing about storing.
    const bool says = surrogate.max_age || surrogate.no_store;
    if (says) return {surrogate, true};
    return {http::cache_control_of(response), false};
}

bool is_heuristically_cacheable(std::uint16_t status) {
    constexpr std::uint16_t k_cacheable[] = {200, 203, 204, 206, 300, 301,
                                             308, 404, 405, 410, 414, 501};
    return std::ranges::find(k_cacheable, status) != std::end(k_cacheable);
}

Freshness freshness_of(const http::ResponseHead& response, const CacheOrders& orders,
                       const ResponseTimes& times, const CacheSpec& rules, Personal personal) {
    const http::CacheControl& control = orders.control;
    Freshness out;
    out.age_ms = initial_age_ms(response.fields, times);
    note_lifetime(out, response, orders, times, rules, personal);
    out.always_validate = control.no_cache;
    // s-maxage has the meaning of proxy-revalidate for a shared cache (RFC 9111 5.2.2.10); who
    // writes stale-… beside it has said otherwise.
    const bool says_stale = control.stale_if_error || control.stale_while_revalidate;
    out.never_stale = control.must_revalidate || control.proxy_revalidate || control.no_cache ||
                      (control.s_maxage.has_value() && !says_stale);
    if (out.never_stale) return out;
    // Nor does the user's rule make one person's answer usable for others.
    const bool guesses = out.said || personal == Personal::no;
    out.revalidate_ms = control.stale_while_revalidate ? ms(*control.stale_while_revalidate)
                        : guesses                      ? rules.stale_while_revalidate.count
                                                       : 0;
    out.error_ms = control.stale_if_error ? ms(*control.stale_if_error)
                   : guesses              ? rules.stale_if_error.count
                                          : 0;
    return out;
}

}  // namespace moln::edge
