#include "edge/cache/purge_order.h"

#include <fmt/format.h>

#include "edge/cache/target.h"

namespace moln::edge {
namespace {

Result<CacheTarget> target_of(const std::string& url) {
    const auto target = CacheTarget::of(url);
    if (target) return *target;
    return fail(ErrorCode::invalid,
                fmt::format("expected a URL such as https://shop.example.org/news?page=2, found "
                            "\"{}\"",
                            std::string_view(url).substr(0, 100)));
}

// With all below it: without a slash at the end, and whatever was asked of it.
Result<PurgeMark> path_mark(const std::string& url) {
    MOLN_ASSIGN(const auto target, target_of(url));
    if (path_depth(target.path()) > k_purge_depth_max) {
        return fail(ErrorCode::invalid, fmt::format("expected a path of at most {} segments: purge "
                                                    "one above it",
                                                    k_purge_depth_max));
    }
    std::string name(target.host());
    name += target.path();
    while (name.ends_with('/')) name.pop_back();
    return purge_mark(PurgeScope::path, {}, name);
}

}  // namespace

Result<PurgeMark> mark_of(const CachePurge& purge) {
    if (purge.name.empty()) return fail(ErrorCode::invalid, "expected what to purge, found none");
    switch (purge.scope) {
        case CachePurgeScope::url: {
            MOLN_ASSIGN(const auto target, target_of(purge.name));
            return purge_mark(PurgeScope::url, {}, target.url());
        }
        case CachePurgeScope::path: return path_mark(purge.name);
        case CachePurgeScope::tag: return purge_mark(PurgeScope::tag, purge.project, purge.name);
        case CachePurgeScope::app: return purge_mark(PurgeScope::app, {}, purge.name);
        case CachePurgeScope::project: return purge_mark(PurgeScope::project, {}, purge.name);
    }
    return fail(ErrorCode::invalid, "expected a scope of a purge");
}

}  // namespace moln::edge
