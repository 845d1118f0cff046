#include <fmt/format.h>

#include "cli/render.h"
#include "model/quantity.h"
#include "model/words.h"

namespace moln::cli {
namespace {

std::string origin_word(RouteOrigin origin) {
    switch (origin) {
        case RouteOrigin::release: return "moln.toml";
        case RouteOrigin::added: return "route add";
        case RouteOrigin::automatic: break;
    }
    return "every app has one";
}

std::string cache_words(const CacheSpec& cache) {
    std::string words = "cache";
    if (cache.ttl.count > 0) words += " " + format_duration(cache.ttl);
    return words;
}

// What the route asks of its requests, and does with them, where that is not the default.
std::string rules(const RouteView& view) {
    std::vector<std::string> all;
    if (view.https != Https::automatic) {
        all.push_back(fmt::format("https {}", enum_word(view.https)));
    }
    if (view.hsts.count > 0) all.push_back("hsts " + format_duration(view.hsts));
    if (view.cache) all.push_back(cache_words(*view.cache));
    if (view.rate && view.rate->client) {
        all.push_back(format_rate(*view.rate->client) + " a client");
    }
    if (view.rate && view.rate->route) all.push_back(format_rate(*view.rate->route) + " in all");
    if (!view.users.empty()) {
        all.push_back(count_words(static_cast<std::int64_t>(view.users.size()), "user"));
    }
    if (view.forward_auth) {
        all.push_back(
            fmt::format("asks {}:{}", view.forward_auth->process, view.forward_auth->path));
    }
    if (view.client_cert) {
        all.push_back(fmt::format("client certificate {}", enum_word(*view.client_cert)));
    }
    if (view.port != 0) all.push_back(fmt::format("port {}", view.port));
    if (view.accept_proxy) all.push_back("accepts PROXY");
    if (view.send_proxy != SendProxy::none) {
        all.push_back(fmt::format("sends PROXY {}", enum_word(view.send_proxy)));
    }
    if (view.keep_source) all.push_back("keeps the source");
    if (view.idle.count > 0) all.push_back("idle " + format_duration(view.idle));
    return joined(all, ", ");
}

}  // namespace

std::string render_routes(const std::vector<RouteView>& views, const Style& style) {
    if (views.empty()) return nothing(style, "No routes. `moln route add HOST` adds one.");
    Table table({"HOST", "PATH", "APP", "PROCESS", "FROM", "URL", "RULES"});
    for (const auto& view : views) {
        const bool stream = !view.listen.empty();
        Cell url = {view.via == "kernel" ? view.url + " (kernel)" : view.url};
        if (!view.problem.empty()) {
            url = {fmt::format("{}: {}", stream ? "not open" : "leads nowhere", view.problem),
                   Colour::bad};
        }
        table.add({view.host, stream ? view.listen : view.path, short_app(view.app), view.process,
                   origin_word(view.origin), url, rules(view)});
    }
    return table.text(style);
}

}  // namespace moln::cli
