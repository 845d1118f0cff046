// What the edge keeps of answers: how much, how well it does, and that it is not to be used.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "api/call.h"
#include "api/table.h"
#include "model/requests.h"
#include "model/route.h"
#include "model/views.h"

namespace moln::api {
namespace {

void cache_stats(std::shared_ptr<Call> call) {
    std::vector<CacheView> views;
    for (const auto& [node, edge] : call->world().edges) {
        if (edge.connected) views.push_back({node, edge.report.cache});
    }
    call->reply(Items<CacheView>{std::move(views)});
}

// Exactly one thing is named.
Result<CachePurge> purge_of(const Call& call, const PurgeCacheBody& body) {
    const std::array named = {!body.url.empty(), !body.path.empty(), !body.tag.empty(), body.all};
    if (std::ranges::count(named, true) != 1) {
        return fail(ErrorCode::invalid,
                    "expected one of \"url\", \"path\", \"tag\" and \"all\", as what to purge");
    }
    const auto project = call.project();
    if (!body.url.empty()) return CachePurge{CachePurgeScope::url, project, body.url};
    if (!body.path.empty()) return CachePurge{CachePurgeScope::path, project, body.path};
    if (!body.tag.empty()) return CachePurge{CachePurgeScope::tag, project, body.tag};
    const auto app = call.app_filter();
    if (app.empty()) return CachePurge{CachePurgeScope::project, project, project};
    return CachePurge{CachePurgeScope::app, project, app.text};
}

std::string host_of(std::string url) {
    if (const auto scheme = url.find("://"); scheme != std::string::npos) url.erase(0, scheme + 3);
    url.resize(std::min(url.find_first_of("/?#:"), url.size()));
    std::ranges::transform(url, url.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    return url;
}

// A host with a typing error is purged without a word otherwise. "": something may be kept of it.
std::string nothing_kept(const World& world, const CachePurge& purge) {
    if (purge.scope != CachePurgeScope::url && purge.scope != CachePurgeScope::path) return "";
    const auto host = host_of(purge.name);
    const auto keeps = [&](const EdgeRoute& route) {
        return route.cache && is_host_of_route(route.host, host);
    };
    if (std::ranges::any_of(world.edge.routes, keeps)) return "";
    return fmt::format("; no route with a cache leads from {} now", host);
}

void cache_purge(std::shared_ptr<Call> call) {
    const auto body = call->body_as<PurgeCacheBody>();
    auto purge = purge_of(*call, body);
    if (!purge) return call->fail(purge.error());
    const auto text = fmt::format("purged {} {} on every edge{}", enum_word(purge->scope),
                                  purge->name, nothing_kept(call->world(), *purge));
    call->control().purge_cache(std::move(*purge), [call, text](Status done) {
        if (!done) return call->fail(done.error());
        call->reply(PurgeView{text});
    });
}

}  // namespace

std::vector<Endpoint> cache_endpoints() {
    return {
        {.path = "/v1/cache",
         .summary = "What each edge keeps of answers, and how often it could give them again",
         .cli = "cache stats",
         .reply = json_reply<Items<CacheView>>(),
         .handle = cache_stats},
        {.method = Method::post,
         .path = "/v1/cache/purge",
         .summary = "Stop using what is kept: of one URL, of a host or path and all below it, with "
                    "a tag, or of everything of the project or of one app",
         .cli = "cache purge",
         .query = {project_param(), app_filter_param()},
         .body = json_body<PurgeCacheBody>(),
         .reply = json_reply<PurgeView>(),
         .errors = {ErrorCode::not_found, ErrorCode::unavailable, ErrorCode::refused},
         .handle = cache_purge},
    };
}

}  // namespace moln::api
