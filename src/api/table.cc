#include "api/table.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/check.h"

namespace moln::api {
namespace {

std::vector<Resource> named_resources() {
    return {
        {"Node", "The daemon and its machine: what runs, measurements, this description, the end.",
         node_endpoints()},
        {"Apps", "What was deployed, and the verbs that change it.", app_endpoints()},
        {"Deploys and releases",
         "A deploy makes an immutable release and switches to it; any kept one can be rolled back "
         "to.",
         deploy_endpoints()},
        {"Environment, secrets, routes",
         "What is set beside moln.toml. Each change makes a release.", config_endpoints()},
        {"Traffic", "Which requests a canary gets, and a page instead of the app: see TRAFFIC.md.",
         traffic_endpoints()},
        {"Certificates",
         "What the edge proves with that it speaks for a host: added by file, or issued by the "
         "local authority for hosts such as shop.localhost. No reply holds a private key.",
         certificate_endpoints()},
        {"Content delivery", "What the edge keeps of answers: see CACHE.md.", cache_endpoints()},
        {"Edge", "The processes that take requests: see UPGRADE.md.", edge_endpoints()},
        {"Instances", "Running copies: look, stop, run a command, open a terminal.",
         instance_endpoints()},
        {"Logs, events, watch", "Streams of newline-delimited JSON.", stream_endpoints()},
        {"Volumes, trash, platforms",
         "Data with a declared lifetime, what was dropped, and what images stand on.",
         data_endpoints()},
    };
}

// Whoever takes an app as a filter refuses one that never was: Call::check_filter().
std::vector<Resource> make_resources() {
    auto all = named_resources();
    for (auto& resource : all) {
        for (auto& endpoint : resource.endpoints) {
            const bool filters = std::ranges::count(endpoint.query, "app", &Param::name) > 0;
            auto& errors = endpoint.errors;
            if (filters && std::ranges::count(errors, ErrorCode::not_found) == 0) {
                errors.insert(errors.begin(), ErrorCode::not_found);
            }
        }
    }
    return all;
}

// Splits at '/', without the leading one.
std::vector<std::string_view> segments(std::string_view path) {
    std::vector<std::string_view> out;
    if (path.starts_with('/')) path.remove_prefix(1);
    while (true) {
        const auto slash = path.find('/');
        out.push_back(path.substr(0, slash));
        if (slash == std::string_view::npos) return out;
        path.remove_prefix(slash + 1);
    }
}

bool matches(std::string_view pattern, const std::vector<std::string_view>& parts,
             std::map<std::string, std::string>& params) {
    const auto wanted = segments(pattern);
    if (wanted.size() != parts.size()) return false;
    params.clear();
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        if (wanted[i].starts_with('{')) {
            if (parts[i].empty()) return false;
            params.emplace(wanted[i].substr(1, wanted[i].size() - 2), parts[i]);
        } else if (wanted[i] != parts[i]) {
            return false;
        }
    }
    return true;
}

}  // namespace

const std::vector<Resource>& resources() {
    static const auto made = make_resources();
    return made;
}

std::string method_word(Method method) {
    std::string word(enum_word(method));
    std::ranges::transform(word, word.begin(), [](char c) {
        return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    });
    return word;
}

std::expected<Match, NoMatch> match(std::string_view method, std::string_view path) {
    const auto parts = segments(path);
    NoMatch missed;
    Match found;
    for (const auto& resource : resources()) {
        for (const auto& endpoint : resource.endpoints) {
            if (!matches(endpoint.path, parts, found.path)) continue;
            if (method_word(endpoint.method) == method) {
                found.endpoint = &endpoint;
                return found;
            }
            if (!missed.allow.empty()) missed.allow += ", ";
            missed.allow += method_word(endpoint.method);
        }
    }
    return std::unexpected(missed);
}

Param project_param() {
    return {.name = "project", .help = "whose apps; without it, \"default\""};
}
Param app_filter_param() {
    return {.name = "app", .help = "only of this app; without it, of all apps of the project"};
}
Param wait_param() {
    return {.name = "wait",
            .kind = ParamKind::flag,
            .help = "answer with lines of progress until it is as wanted or has failed"};
}

}  // namespace moln::api
