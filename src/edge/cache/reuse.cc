#include "edge/cache/reuse.h"

#include <algorithm>

#include "edge/limits.h"

namespace moln::edge {
namespace {

std::int64_t ms(std::uint32_t seconds) {
    return std::int64_t{seconds} * 1000;
}

}  // namespace

ReuseWish reuse_wish(const http::FieldTable& request) {
    ReuseWish wish{.control = http::cache_control_of(request)};
    if (wish.control.present) return wish;
    for (const std::string_view value : request.all(http::FieldId::pragma)) {
        http::for_each_element(value, [&](std::string_view directive) {
            if (http::equals_ignoring_case(directive, "no-cache")) wish.control.no_cache = true;
        });
    }
    return wish;
}

ReuseVerdict judge_reuse(const Freshness& stored, std::int64_t since_ms, const ReuseWish& wish) {
    using http::CacheForward;
    ReuseVerdict out;
    out.age_ms = stored.age_ms + since_ms;
    out.ttl_ms = stored.lifetime_ms - out.age_ms;
    const auto validate = [&](CacheForward why) {
        out.reuse = Reuse::validate;
        out.why = why;
        return out;
    };
    if (stored.always_validate) return validate(CacheForward::stale);
    const http::CacheControl& wanted = wish.control;
    if (wanted.no_cache) return validate(CacheForward::request);
    if (wanted.max_age && out.age_ms > ms(*wanted.max_age)) return validate(CacheForward::request);
    if (wanted.max_age == 0u) return validate(CacheForward::request);
    if (out.ttl_ms > 0) {
        if (wanted.min_fresh && out.ttl_ms < ms(*wanted.min_fresh)) {
            return validate(CacheForward::request);
        }
        out.reuse = Reuse::fresh;
        return out;
    }
    if (stored.never_stale || wanted.min_fresh) return validate(CacheForward::stale);
    if (-out.ttl_ms < stored.revalidate_ms) {
        out.reuse = Reuse::refresh;
        return out;
    }
    if (wanted.max_stale && -out.ttl_ms <= ms(*wanted.max_stale)) {
        out.reuse = Reuse::fresh;
        return out;
    }
    return validate(CacheForward::stale);
}

bool is_worth_keeping(const Freshness& stored, std::int64_t since_ms, bool validated) {
    if (validated) return true;
    const std::int64_t served_ms =
        stored.lifetime_ms + std::max(stored.revalidate_ms, stored.error_ms);
    return !stored.always_validate &&
           served_ms - stored.age_ms - since_ms >= k_cache_disk_life_min.count;
}

bool serves_on_error(const Freshness& stored, std::int64_t since_ms, const ReuseWish& wish) {
    if (stored.never_stale || stored.always_validate || wish.control.no_cache) return false;
    std::int64_t allowed = stored.error_ms;
    if (wish.control.stale_if_error) allowed = ms(*wish.control.stale_if_error);
    const std::int64_t late = stored.age_ms + since_ms - stored.lifetime_ms;
    return late < allowed;
}

}  // namespace moln::edge
