#include "model/route.h"

#include <algorithm>

#include <fmt/format.h>

#include "model/client_cert.h"
#include "model/forward_auth.h"
#include "model/listen.h"
#include "model/quantity.h"

namespace moln {
namespace {

class RouteProblems {
public:
    explicit RouteProblems(const RouteSpec& route) : route_(route) {}

    std::vector<Problem> find() {
        take("host", validate_host(route_.host));
        if (is_stream(route_)) {
            stream();
        } else {
            request();
        }
        return std::move(found_);
    }

private:
    void add(std::string field, std::string message) {
        found_.push_back({std::move(field), std::move(message)});
    }
    void take(std::string field, const Status& status) {
        if (!status) add(std::move(field), status.error().reason);
    }
    void none(std::string field, bool is_none, std::string_view of) {
        if (!is_none) add(std::move(field), fmt::format("expected none: only {} has one", of));
    }

    void request() {
        take("path", validate_route_path(route_.path));
        take("hsts", validate_hsts(route_.hsts));
        if (route_.cache) take("cache", validate_cache(*route_.cache));
        if (route_.rate) take("rate", validate_rate(*route_.rate));
        if (route_.auth) take("auth", validate_auth(*route_.auth));
        if (route_.forward_auth) {
            take("forward_auth", validate_forward_auth(*route_.forward_auth));
        }
        if (route_.client_cert) client_cert();
        constexpr std::string_view k_of = "a route with `listen`";
        none("port", route_.port == 0, k_of);
        none("accept_proxy", !route_.accept_proxy, k_of);
        none("send_proxy", route_.send_proxy == SendProxy::none, k_of);
        none("idle", route_.idle.count == 0, k_of);
        none("keep_source", !route_.keep_source, k_of);
    }

    void client_cert() {
        take("client_cert.ca", validate_client_cert(*route_.client_cert));
        if (route_.https == Https::both) {
            add("https",
                "expected automatic or redirect, found both: a certificate is shown over TLS "
                "alone");
        }
        if (route_.cache && route_.client_cert->need == ClientCertNeed::required) {
            add("cache",
                "expected none: what is for clients with a certificate is not kept for others");
        }
    }

    void stream() {
        constexpr std::string_view k_of = "a route without `listen`, of HTTP,";
        none("path", route_.path == "/", k_of);
        none("https", route_.https == Https::automatic, k_of);
        none("hsts", route_.hsts.count == 0, k_of);
        none("cache", !route_.cache, k_of);
        none("rate", !route_.rate, k_of);
        none("auth", !route_.auth, k_of);
        none("forward_auth", !route_.forward_auth, k_of);
        none("client_cert", !route_.client_cert, k_of);
        if (route_.idle.count != 0 &&
            (route_.idle < k_stream_idle_min || route_.idle > k_stream_idle_max)) {
            add("idle",
                fmt::format("expected {} to {}, found {}", format_duration(k_stream_idle_min),
                            format_duration(k_stream_idle_max), format_duration(route_.idle)));
        }
        const auto listen = parse_listen(route_.listen);
        if (!listen) return add("listen", listen.error().reason);
        if (route_.keep_source) source(listen->protocol);
        if (listen->protocol == Protocol::tcp) return;
        constexpr std::string_view k_tcp = "a route that listens on tcp";
        if (route_.host != "*") {
            add("host", fmt::format("expected none: only a TLS client of tcp asks for a name, "
                                    "found \"{}\"",
                                    route_.host.substr(0, 60)));
        }
        none("accept_proxy", !route_.accept_proxy, k_tcp);
        none("send_proxy", route_.send_proxy == SendProxy::none, k_tcp);
    }

    // The kernel keeps it, which reads nothing.
    void source(Protocol protocol) {
        const auto apart = [&](std::string_view field, bool is_apart) {
            if (is_apart) return;
            add("keep_source",
                fmt::format("expected none beside `{}`: the address of the client is kept by a "
                            "kernel that reads nothing of what passes",
                            field));
        };
        apart("host", route_.host == "*");
        apart("accept_proxy", !route_.accept_proxy);
        apart("send_proxy", route_.send_proxy == SendProxy::none);
        apart("idle", protocol == Protocol::udp || route_.idle.count == 0);
    }

    const RouteSpec& route_;
    std::vector<Problem> found_;
};

}  // namespace

bool same_place(const RouteSpec& a, const RouteSpec& b) {
    return a.listen == b.listen && a.host == b.host && a.path == b.path;
}

std::string route_words(const RouteSpec& route) {
    if (!is_stream(route)) return route.host + route.path;
    if (route.host == "*") return route.listen;
    return fmt::format("{} for {}", route.listen, route.host);
}

std::vector<Problem> find_problems(const RouteSpec& route) {
    return RouteProblems(route).find();
}

Status validate(const RouteSpec& route) {
    const auto problems = find_problems(route);
    if (problems.empty()) return {};
    const auto& first = problems.front();
    return fail(ErrorCode::invalid, fmt::format("{}: {}", first.field, first.message));
}

bool is_host_of_route(std::string_view route_host, std::string_view host) {
    if (route_host == "*" || route_host == host) return true;
    return route_host.starts_with("*.") && host.ends_with(route_host.substr(1));
}

std::string served_process(const AppConfig& config, const std::string& process) {
    const auto found = config.processes.find(process);
    if (found != config.processes.end()) {
        return found->second.kind == ProcessKind::web ? process : std::string();
    }
    const bool leads = config.site && (process == k_site_process || process == "web");
    return leads ? k_site_process : "";
}

bool leads_somewhere(const AppConfig& config, const RouteSpec& route) {
    const auto process = served_process(config, route.process);
    const bool to_site = config.site && process == k_site_process;
    return !process.empty() && !(to_site && is_stream(route));
}

bool is_stream_only(const AppConfig& config, const std::vector<RouteSpec>& added,
                    const std::string& process) {
    if (process == "web") return false;
    bool any = false;
    for (const auto* routes : {&config.routes, &added}) {
        for (const auto& route : *routes) {
            if (route.process != process) continue;
            if (!is_stream(route)) return false;
            any = true;
        }
    }
    return any;
}

std::string not_asked_why(const AppConfig& config, const std::vector<RouteSpec>& added,
                          const std::string& process) {
    const auto found = config.processes.find(process);
    if (found == config.processes.end() || found->second.kind != ProcessKind::web) {
        return fmt::format("expected a web process of this app, found \"{}\"", process);
    }
    if (!is_stream_only(config, added, process)) return "";
    std::string listens;
    for (const auto* routes : {&config.routes, &added}) {
        for (const auto& route : *routes) {
            if (route.process != process) continue;
            // Then its own port is another, and may speak HTTP.
            if (route.port != 0 && route.port != found->second.port) return "";
            listens += (listens.empty() ? "" : ", ") + route.listen;
        }
    }
    return fmt::format(
        "expected a process that is spoken HTTP to, found \"{}\", whose port is that of {} alone: "
        "name another, or add a route with a host that leads to it",
        process, listens);
}

std::string route_problem(const AppConfig& config, const std::vector<RouteSpec>& added,
                          const RouteSpec& route) {
    if (!leads_somewhere(config, route)) {
        return fmt::format("the release has no web process {}", route.process);
    }
    if (!route.forward_auth) return "";
    const auto why = not_asked_why(config, added, route.forward_auth->process);
    return why.empty() ? "" : "forward_auth: process: " + why;
}

HealthSpec probe_of(const AppConfig& config, const std::vector<RouteSpec>& added,
                    const std::string& process) {
    auto health = config.health;
    if (!is_stream_only(config, added, process)) return health;
    const auto is_tcp = [&](const RouteSpec& route) {
        return route.process == process && route.listen.starts_with("tcp:");
    };
    const bool tcp =
        std::ranges::any_of(config.routes, is_tcp) || std::ranges::any_of(added, is_tcp);
    health.kind = tcp ? HealthKind::tcp : HealthKind::running;
    return health;
}

}  // namespace moln
