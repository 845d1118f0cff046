#include "cli/requests.h"

#include <charconv>
#include <functional>
#include <map>

#include <fmt/format.h>

#include "model/client_cert.h"
#include "model/forward_auth.h"
#include "model/quantity.h"
#include "model/requests.h"

namespace moln::cli {
namespace {

using Query = std::vector<std::pair<std::string, std::string>>;

std::string app_path(const std::string& app, std::string_view rest = "") {
    return fmt::format("/v1/apps/{}{}", percent_encode(app), rest);
}

Query with_project(const Invocation& said, Query query = {}) {
    if (said.project != "default") query.insert(query.begin(), {"project", said.project});
    return query;
}

Query list_query(const Invocation& said) {
    return with_project(said, {{"app", said.app}});
}

ApiCall get(std::string to) {
    return {.target = std::move(to)};
}

template <typename T>
ApiCall send(std::string_view method, std::string_view to, const T& body) {
    return {.method = std::string(method),
            .target = std::string(to),
            .headers = {{"Content-Type", "application/json"}},
            .body = to_json_text(body)};
}

ApiCall conditional(const Invocation& said, ApiCall call) {
    if (said.generation) call.headers["If-Match"] = std::to_string(*said.generation);
    return call;
}

Query change_query(const Invocation& said) {
    return with_project(said, {{"wait", said.no_wait ? "" : "1"}});
}

// Of a change that can also be asked what it would do.
Query dry_run_query(const Invocation& said) {
    if (!said.dry_run) return change_query(said);
    return with_project(said, {{"dry_run", "1"}});
}

Result<ApiCall> scale(const Invocation& said, const std::string& app) {
    ScaleBody body;
    for (const auto& word : said.words) {
        MOLN_ASSIGN(auto one, parse_scale(word));
        if (!body.instances.insert(std::move(one)).second) {
            return fail(ErrorCode::invalid, fmt::format("{}: the process is named twice", word));
        }
    }
    return conditional(said,
                       send("PUT", target(app_path(app, "/scale"), change_query(said)), body));
}

Result<ApiCall> env_set(const Invocation& said, const std::string& app) {
    EnvBody body;
    for (const auto& word : said.words) {
        const auto equals = word.find('=');
        if (equals == std::string::npos || equals == 0) {
            return fail(ErrorCode::invalid, fmt::format("{}: expected NAME=VALUE", word));
        }
        body.set[word.substr(0, equals)] = word.substr(equals + 1);
    }
    return conditional(said,
                       send("PATCH", target(app_path(app, "/env"), change_query(said)), body));
}

Result<ApiCall> rollback(const Invocation& said, const std::string& app) {
    RollbackBody body;
    if (!said.words.empty()) {
        const auto& word = said.words.front();
        const auto* end = word.data() + word.size();
        const auto parsed = std::from_chars(word.data(), end, body.release);
        if (parsed.ec != std::errc() || parsed.ptr != end || body.release < 1) {
            return fail(
                ErrorCode::invalid,
                fmt::format("{}: expected a release's number, as in `moln releases`", word));
        }
    }
    return conditional(said,
                       send("POST", target(app_path(app, "/rollback"), dry_run_query(said)), body));
}

// Host and path as they were said. With --listen the host may be left out, and means every one.
Result<std::pair<std::string, std::string>> said_place(const Invocation& said) {
    if (!said.words.empty() && said.words.front().find("://") != std::string::npos) {
        return fail(ErrorCode::invalid,
                    fmt::format("{}: expected HOST[/PATH] without a scheme, found \"{}\"",
                                said.verb, said.words.front()));
    }
    if (!said.words.empty()) return split_route(said.words.front());
    if (!said.listen.empty()) return std::pair{std::string("*"), std::string("/")};
    return fail(ErrorCode::invalid,
                fmt::format("{}: expected HOST[/PATH], or --listen tcp:PORT", said.verb));
}

// Any word about the cache is a wish for one.
Result<std::optional<CacheSpec>> cache_of(const Invocation& said) {
    struct Time {
        std::string_view option;
        const std::string& text;
        Milliseconds CacheSpec::* field;
    };
    CacheSpec cache;
    bool wanted = said.cache;
    for (const auto& [option, text, field] :
         {Time{"--cache-ttl", said.cache_ttl, &CacheSpec::ttl},
          Time{"--stale-while-revalidate", said.stale_while_revalidate,
               &CacheSpec::stale_while_revalidate},
          Time{"--stale-if-error", said.stale_if_error, &CacheSpec::stale_if_error}}) {
        if (text.empty()) continue;
        auto time = parse_duration(text);
        if (!time) return fail_in(option, time.error());
        cache.*field = *time;
        wanted = true;
    }
    if (said.no_compress) {
        cache.compress = false;
        wanted = true;
    }
    if (!wanted) return std::nullopt;
    return cache;
}

Result<std::optional<RateSpec>> rate_of(const Invocation& said) {
    RateSpec rate;
    struct Limit {
        std::string_view option;
        const std::string& text;
        std::optional<RateLimit> RateSpec::* field;
    };
    for (const auto& [option, text, field] :
         {Limit{"--rate-limit", said.rate_limit, &RateSpec::client},
          Limit{"--rate-limit-route", said.rate_limit_route, &RateSpec::route}}) {
        if (text.empty()) continue;
        auto limit = parse_rate(text);
        if (!limit) return fail_in(option, limit.error());
        rate.*field = *limit;
    }
    if (!rate.client && !rate.route) return std::nullopt;
    return rate;
}

// "10" and "10%"; "" is none.
Result<std::int64_t> share_of(std::string_view text) {
    if (text.empty()) return 0;
    std::string_view digits = text;
    if (digits.ends_with('%')) digits.remove_suffix(1);
    std::int64_t share = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), share);
    if (error == std::errc{} && end == digits.data() + digits.size()) return share;
    return fail(ErrorCode::invalid,
                fmt::format("expected a share such as \"10%\", found \"{}\"", text));
}

Result<CanarySpec> canary_of(const Invocation& said) {
    const auto share = share_of(said.canary);
    const auto* what = said.verb == "deploy" ? "--canary" : "canary";
    if (!share) return fail_in(what, share.error());
    const auto mirror = share_of(said.mirror);
    if (!mirror) return fail_in("--mirror", mirror.error());
    CanarySpec canary{.share = *share,
                      .header = said.canary_header,
                      .cookie = said.canary_cookie,
                      .mirror = *mirror};
    if (auto valid = validate_canary(canary); !valid) return fail_in(what, valid.error());
    return canary;
}

// "auth:/check".
Result<std::optional<ForwardAuthSpec>> forward_auth_of(const Invocation& said) {
    if (said.forward_auth.empty()) {
        if (said.forward_auth_copy.empty()) return std::nullopt;
        return fail(ErrorCode::invalid, "--forward-auth-copy: expected --forward-auth with it");
    }
    const auto colon = said.forward_auth.find(':');
    if (colon == std::string::npos) {
        return fail(ErrorCode::invalid,
                    fmt::format("--forward-auth: expected a process and a path such as "
                                "\"auth:/check\", found \"{}\"",
                                said.forward_auth));
    }
    ForwardAuthSpec auth{.process = said.forward_auth.substr(0, colon),
                         .path = said.forward_auth.substr(colon + 1),
                         .copy = said.forward_auth_copy};
    if (auto valid = validate_forward_auth(auth); !valid) {
        return fail_in("--forward-auth", valid.error());
    }
    return auth;
}

Result<ApiCall> maintenance_on(const Invocation& said, const std::string& app) {
    MaintenanceSpec maintenance{.page = said.page, .allow = said.allow, .pass = said.pass_word};
    if (!said.retry_after.empty()) {
        auto retry = parse_duration(said.retry_after);
        if (!retry) return fail_in("--retry-after", retry.error());
        if (retry->count % 1000 != 0) {
            return fail(ErrorCode::invalid,
                        fmt::format("--retry-after: expected whole seconds, found \"{}\"",
                                    said.retry_after));
        }
        maintenance.retry_after_s = retry->count / 1000;
    }
    if (auto valid = validate_maintenance(maintenance); !valid) {
        return fail_in(said.verb, valid.error());
    }
    return conditional(
        said, send("PUT", target(app_path(app, "/maintenance"), change_query(said)), maintenance));
}

Result<ApiCall> route_add(const Invocation& said, const std::string& app) {
    MOLN_ASSIGN(const auto place, said_place(said));
    RouteBody body{place.first, place.second, said.process.empty() ? "web" : said.process};
    if (!said.https.empty()) {
        body.https = enum_from_word<Https>(said.https).value_or(Https::automatic);
    }
    if (!said.hsts.empty()) {
        auto hsts = parse_duration(said.hsts);
        if (!hsts) return fail_in("--hsts", hsts.error());
        body.hsts = *hsts;
    }
    body.listen = said.listen;
    body.port = static_cast<std::uint16_t>(said.port);
    body.accept_proxy = said.accept_proxy;
    body.keep_source = said.keep_source;
    body.send_proxy = enum_from_word<SendProxy>(said.send_proxy).value_or(SendProxy::none);
    if (!said.idle.empty()) {
        auto idle = parse_duration(said.idle);
        if (!idle) return fail_in("--idle", idle.error());
        body.idle = *idle;
    }
    MOLN_ASSIGN(body.cache, cache_of(said));
    MOLN_ASSIGN(body.rate, rate_of(said));
    MOLN_ASSIGN(body.forward_auth, forward_auth_of(said));
    if (!said.users.empty()) {
        body.auth = AuthSpec{.users = said.user_lines};
        if (!said.realm.empty()) body.auth->realm = said.realm;
        if (auto valid = validate_auth(*body.auth); !valid) {
            return fail_in("--users", valid.error());
        }
    }
    if (said.users.empty() && !said.realm.empty()) {
        return fail(ErrorCode::invalid, "--realm: only with --users");
    }
    if (!said.client_ca.empty()) {
        body.client_cert = ClientCertSpec{.ca = said.client_ca_text};
        if (said.client_cert_optional) body.client_cert->need = ClientCertNeed::optional;
        if (auto valid = validate_client_cert(*body.client_cert); !valid) {
            return fail_in("--client-ca", valid.error());
        }
    } else if (said.client_cert_optional) {
        return fail(ErrorCode::invalid, "--client-cert-optional: only with --client-ca");
    }
    auto query = change_query(said);
    query.emplace_back("replace", said.replace ? "1" : "");
    return conditional(said, send("POST", target(app_path(app, "/routes"), query), body));
}

Result<ApiCall> cache_purge(const Invocation& said) {
    PurgeCacheBody body{.path = said.prefix, .tag = said.tag, .all = said.all};
    if (!said.words.empty()) body.url = said.words.front();
    const auto named = (body.url.empty() ? 0 : 1) + (body.path.empty() ? 0 : 1) +
                       (body.tag.empty() ? 0 : 1) + (body.all ? 1 : 0);
    if (named != 1) {
        return fail(ErrorCode::invalid,
                    fmt::format("cache purge: expected one of a URL, --prefix, --tag and --all, "
                                "found {}",
                                named == 0 ? "none" : "several"));
    }
    if (!said.app.empty() && !said.all) {
        return fail(ErrorCode::invalid,
                    "cache purge: --app goes with --all alone; a URL, a prefix and a tag are of "
                    "the whole project");
    }
    return send("POST", target("/v1/cache/purge", with_project(said, {{"app", said.app}})), body);
}

// The bundle of --ca-file is added by who reads the file.
Result<ApiCall> acme(const Invocation& said) {
    if (said.off &&
        (said.agree_tos || said.email || !said.directory.empty() || !said.ca_file.empty())) {
        return fail(ErrorCode::invalid, "--off: nothing else can be said with it");
    }
    if (said.off) return ApiCall{.method = "DELETE", .target = "/v1/acme"};
    if (shows_acme(said)) return get("/v1/acme");
    AcmeBody body;
    body.directory = said.directory;
    body.email = said.email;
    body.agree_tos = said.agree_tos;
    return send("PUT", "/v1/acme", body);
}

Result<ApiCall> route_rm(const Invocation& said, const std::string& app) {
    MOLN_ASSIGN(const auto place, said_place(said));
    auto query = change_query(said);
    query.insert(query.end(),
                 {{"host", place.first}, {"path", place.second}, {"listen", said.listen}});
    return conditional(said,
                       {.method = "DELETE", .target = target(app_path(app, "/routes"), query)});
}

Result<ApiCall> stop(const Invocation& said, const std::string& app) {
    if (!said.instance.empty()) {
        return send("POST",
                    target("/v1/instances/" + percent_encode(said.instance) + "/stop",
                           {{"wait", said.no_wait ? "" : "1"}}),
                    StopInstanceBody{said.now});
    }
    if (said.now) {
        return fail(ErrorCode::invalid, "--now: only of one instance, with --instance");
    }
    return conditional(
        said, {.method = "POST", .target = target(app_path(app, "/stop"), change_query(said))});
}

Result<ApiCall> recover(const Invocation& said, const std::string&) {
    const auto path = "/v1/trash/" + percent_encode(said.words.front());
    if (!said.to.empty()) return send("POST", path + "/extract", ExtractBody{said.to});
    return ApiCall{.method = "POST", .target = path + "/recover"};
}

// With which of the past.
ApiCall logs(const Invocation& said, const std::string& app, Query which) {
    which.emplace_back("process", said.process);
    which.emplace_back("instance", said.instance);
    which.emplace_back("follow", said.follow ? "1" : "");
    return get(target(app_path(app, "/logs"), with_project(said, std::move(which))));
}

ApiCall events(const Invocation& said, Query which) {
    which.emplace_back("app", said.app);
    which.emplace_back("follow", said.follow ? "1" : "");
    return get(target("/v1/events", with_project(said, std::move(which))));
}

// An empty value is left out.
Query past_of(const Invocation& said) {
    return {{"lines", said.lines ? std::to_string(*said.lines) : ""},
            {"since", said.since_ms == 0 ? "" : std::to_string(said.since_ms)}};
}

// More do not fit on a screen; a program takes all.
constexpr std::int64_t k_top_routes_shown = 20;

ApiCall top(const Invocation& said) {
    auto query = with_project(said, {{"app", said.app},
                                     {"interval_ms", std::to_string(said.interval_s * 1000)},
                                     {"count", said.once ? "1" : ""}});
    if (!said.routes) return get(target("/v1/top", query));
    const auto limit = said.limit == 0 && !said.json ? k_top_routes_shown : said.limit;
    query.emplace_back("limit", limit == 0 ? "" : std::to_string(limit));
    return get(target("/v1/top/routes", query));
}

ApiCall secret(const Invocation& said, const std::string& app, std::string method) {
    const auto path = app_path(app, "/secrets/" + percent_encode(said.words.front()));
    return conditional(said,
                       {.method = std::move(method), .target = target(path, change_query(said))});
}

ApiCall plain_change(const Invocation& said, const std::string& app, std::string_view verb) {
    const auto path = app_path(app, fmt::format("/{}", verb));
    return conditional(said, {.method = "POST", .target = target(path, change_query(said))});
}

using Maker = std::function<Result<ApiCall>(const Invocation&, const std::string&)>;

const std::map<std::string, Maker>& makers() {
    using I = const Invocation&;
    using S = const std::string&;
    const auto list = [](const char* path) {
        return [path](I said, S) -> Result<ApiCall> { return get(target(path, list_query(said))); };
    };
    const auto of_app = [](const char* rest) {
        return [rest](I said, S app) -> Result<ApiCall> {
            return get(target(app_path(app, rest), with_project(said)));
        };
    };
    static const std::map<std::string, Maker> table = {
        {"status", [](I, S) -> Result<ApiCall> { return get("/v1/status"); }},
        {"metrics", [](I, S) -> Result<ApiCall> { return get("/v1/metrics"); }},
        {"down",
         [](I said, S) -> Result<ApiCall> {
             return send("POST", "/v1/shutdown", ShutdownBody{said.now});
         }},
        {"platform ls", [](I, S) -> Result<ApiCall> { return get("/v1/platforms"); }},
        {"platform build",
         [](I said, S) -> Result<ApiCall> {
             return send("POST", "/v1/platforms", PlatformBody{said.words.front()});
         }},
        {"apps",
         [](I said, S) -> Result<ApiCall> {
             const auto path = said.app.empty() ? "/v1/apps" : app_path(said.app);
             return get(target(path, with_project(said)));
         }},
        {"ps", list("/v1/instances")},
        {"edge status", [](I, S) -> Result<ApiCall> { return get("/v1/edge"); }},
        {"edge upgrade",
         [](I said, S) -> Result<ApiCall> {
             const auto* until = said.wait ? "ended" : said.no_wait ? "begun" : "";
             return ApiCall{.method = "POST",
                            .target = target("/v1/edge/upgrade", {{"until", until}})};
         }},
        {"route ls", list("/v1/routes")},
        {"volume ls", list("/v1/volumes")},
        {"trash ls", list("/v1/trash")},
        {"releases", of_app("/releases")},
        {"env ls", of_app("/env")},
        {"secret ls", of_app("/secrets")},
        {"logs", [](I said, S app) -> Result<ApiCall> { return logs(said, app, past_of(said)); }},
        {"events", [](I said, S) -> Result<ApiCall> { return events(said, past_of(said)); }},
        {"top", [](I said, S) -> Result<ApiCall> { return top(said); }},
        {"rollback", rollback},
        {"scale", scale},
        {"canary",
         [](I said, S app) -> Result<ApiCall> {
             if (said.canary.empty() && said.mirror.empty() && said.canary_header.empty() &&
                 said.canary_cookie.empty()) {
                 return fail(ErrorCode::invalid,
                             "canary: expected a SHARE, --header, --cookie or --mirror");
             }
             MOLN_ASSIGN(const auto canary, canary_of(said));
             return conditional(
                 said, send("PUT", target(app_path(app, "/canary"), change_query(said)), canary));
         }},
        {"promote",
         [](I said, S app) -> Result<ApiCall> { return plain_change(said, app, "promote"); }},
        {"maintenance on", maintenance_on},
        {"maintenance off",
         [](I said, S app) -> Result<ApiCall> {
             const auto path = app_path(app, "/maintenance");
             return conditional(said,
                                {.method = "DELETE", .target = target(path, change_query(said))});
         }},
        {"restart",
         [](I said, S app) -> Result<ApiCall> { return plain_change(said, app, "restart"); }},
        {"start",
         [](I said, S app) -> Result<ApiCall> { return plain_change(said, app, "start"); }},
        {"stop", stop},
        {"env set", env_set},
        {"env unset",
         [](I said, S app) -> Result<ApiCall> {
             return conditional(said,
                                send("PATCH", target(app_path(app, "/env"), change_query(said)),
                                     EnvBody{{}, said.words}));
         }},
        {"secret set", [](I said, S app) -> Result<ApiCall> { return secret(said, app, "PUT"); }},
        {"secret rm", [](I said, S app) -> Result<ApiCall> { return secret(said, app, "DELETE"); }},
        {"route add", route_add},
        {"route rm", route_rm},
        {"cache stats", [](I, S) -> Result<ApiCall> { return get("/v1/cache"); }},
        {"cache purge", [](I said, S) -> Result<ApiCall> { return cache_purge(said); }},
        {"cert ls", [](I, S) -> Result<ApiCall> { return get("/v1/certificates"); }},
        {"cert show",
         [](I said, S) -> Result<ApiCall> {
             return get("/v1/certificates/" + percent_encode(said.words.front()));
         }},
        {"cert add",
         [](I, S) -> Result<ApiCall> {
             return ApiCall{.method = "POST", .target = "/v1/certificates"};
         }},
        {"cert rm",
         [](I said, S) -> Result<ApiCall> {
             return ApiCall{.method = "DELETE",
                            .target = "/v1/certificates/" + percent_encode(said.words.front())};
         }},
        {"cert retry",
         [](I said, S) -> Result<ApiCall> {
             return ApiCall{
                 .method = "POST",
                 .target = "/v1/certificates/" + percent_encode(said.words.front()) + "/retry"};
         }},
        {"cert acme", [](I said, S) -> Result<ApiCall> { return acme(said); }},
        {"trust", [](I, S) -> Result<ApiCall> { return get("/v1/authority"); }},
        {"rm",
         [](I said, S app) -> Result<ApiCall> {
             return conditional(
                 said, {.method = "DELETE", .target = target(app_path(app), dry_run_query(said))});
         }},
        {"volume rm",
         [](I said, S) -> Result<ApiCall> {
             return ApiCall{.method = "DELETE",
                            .target = "/v1/volumes/" + percent_encode(said.words.front())};
         }},
        {"trash purge",
         [](I said, S) -> Result<ApiCall> {
             return ApiCall{.method = "DELETE",
                            .target = "/v1/trash/" + percent_encode(said.words.front())};
         }},
        {"recover", recover},
        {"run",
         [](I said, S app) -> Result<ApiCall> {
             return send("POST", target(app_path(app, "/runs"), with_project(said)),
                         RunBody{said.words, !said.no_tty});
         }},
        {"shell", list("/v1/instances")},
    };
    return table;
}

}  // namespace

Result<std::pair<std::string, std::int64_t>> parse_scale(const std::string& word) {
    const auto equals = word.find('=');
    std::int64_t number = 0;
    if (equals != std::string::npos && equals > 0) {
        const auto* end = word.data() + word.size();
        const auto parsed = std::from_chars(word.data() + equals + 1, end, number);
        if (parsed.ec == std::errc() && parsed.ptr == end && number >= 0) {
            return std::pair(word.substr(0, equals), number);
        }
    }
    return fail(ErrorCode::invalid, fmt::format("{}: expected PROCESS=N, as web=3", word));
}

std::pair<std::string, std::string> split_route(const std::string& word) {
    const auto slash = word.find('/');
    if (slash == std::string::npos) return {word, "/"};
    return {slash == 0 ? "*" : word.substr(0, slash), word.substr(slash)};
}

Result<ApiCall> deploy_call(const Invocation& invocation, const std::string& app,
                            const std::string& folder) {
    CanarySpec canary;
    if (!invocation.canary.empty()) {
        MOLN_ASSIGN(canary, canary_of(invocation));
    }
    auto query = with_project(
        invocation, {{"dry_run", invocation.dry_run ? "1" : ""},
                     {"wait", invocation.no_wait ? "0" : ""},
                     {"platform", invocation.platform},
                     {"folder", folder},
                     {"canary", invocation.canary.empty() ? "" : std::to_string(canary.share)},
                     {"canary_header", canary.header},
                     {"canary_cookie", canary.cookie},
                     {"mirror", canary.mirror == 0 ? "" : std::to_string(canary.mirror)}});
    const auto to = target(app_path(app, "/deploys"), query);
    if (!invocation.image.empty()) {
        return conditional(
            invocation, send("POST", to, DeployImageBody{invocation.image, invocation.plain_http}));
    }
    return conditional(invocation, {.method = "POST",
                                    .target = to,
                                    .headers = {{"Content-Type", "application/x-tar"}},
                                    .chunked = true});
}

ApiCall terminal_call(const std::string& instance, const std::vector<std::string>& query) {
    auto to = "/v1/instances/" + percent_encode(instance) + "/terminal";
    for (std::size_t i = 0; i < query.size(); ++i) to += (i == 0 ? "?" : "&") + query[i];
    return {.target = to};
}

Result<ApiCall> request_for(const Invocation& invocation, const std::string& app) {
    const auto found = makers().find(invocation.verb);
    if (found == makers().end()) {
        return fail(ErrorCode::invalid,
                    fmt::format("{}: is not a verb of this program's client", invocation.verb));
    }
    return found->second(invocation, app);
}

Result<ApiCall> request_to_go_on(const Invocation& said, const std::string& app,
                                 const FollowPlace& place) {
    if (said.verb == "logs") {
        return logs(said, app,
                    {{"after", place.positions()}, {"since", std::to_string(place.begun().ms)}});
    }
    if (said.verb == "events") {
        return events(said, {{"after", std::to_string(place.event())}});
    }
    return request_for(said, app);
}

bool shows_acme(const Invocation& said) {
    return !said.agree_tos && !said.off && !said.email && said.directory.empty() &&
           said.ca_file.empty();
}

}  // namespace moln::cli
