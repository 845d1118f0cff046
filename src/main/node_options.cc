#include "main/node_options.h"

#include <algorithm>
#include <set>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <limits.h>
#include <unistd.h>

#include "cli/streams.h"
#include "cli/usage.h"
#include "io/net/address.h"
#include "main/log_option.h"
#include "main/size_option.h"
#include "main/trace_option.h"
#include "model/codec.h"
#include "model/quantity.h"

namespace moln {
namespace {

std::string host_name() {
    char name[HOST_NAME_MAX + 1] = {};
    if (::gethostname(name, sizeof(name) - 1) != 0 || name[0] == '\0') return "node";
    const std::string full = name;
    return full.substr(0, full.find('.'));
}

Status check_address(std::string_view option, const std::string& text) {
    auto address = net::SocketAddress::parse(text);
    return address ? Status{} : fail_in(option, address.error());
}

// "10.213": the first half of an IPv4 address.
Status check_network(const std::string& text) {
    const auto whole = net::SocketAddress::from(text + ".0.0", 1);
    if (whole && whole->ip() == text + ".0.0") return {};
    return fail(ErrorCode::invalid,
                fmt::format("--network: expected the first two numbers of a network such as "
                            "\"10.213\", found \"{}\"",
                            text));
}

// The second would be told that another program has it.
Status check_said_once(const NodeOptions& options) {
    std::set<std::string> said;
    for (const auto* listens : {&options.listens, &options.tls_listens}) {
        for (const auto& listen : *listens) {
            if (listen.ends_with(":0") || said.insert(listen).second) continue;
            return fail(
                ErrorCode::invalid,
                fmt::format("{}: expected each address once, found {} again",
                            listens == &options.listens ? "--listen" : "--listen-tls", listen));
        }
    }
    return {};
}

Status check_addresses(const NodeOptions& options) {
    for (const auto& listen : options.listens) MOLN_TRY(check_address("--listen", listen));
    for (const auto& listen : options.tls_listens) {
        if (listen != "none") MOLN_TRY(check_address("--listen-tls", listen));
    }
    MOLN_TRY(check_said_once(options));
    if (!options.metrics_listen.empty()) {
        MOLN_TRY(check_address("--metrics", options.metrics_listen));
    }
    if (!options.api_listen.empty()) MOLN_TRY(check_address("--api", options.api_listen));
    return check_network(options.network);
}

// Said, and empty, as of a shell's variable that is not set.
Status check_values(const CLI::App& app) {
    for (const auto* option : app.get_options()) {
        if (std::ranges::count(option->results(), "") == 0) continue;
        if (option->get_expected_max() == 0) continue;
        return fail(ErrorCode::invalid,
                    fmt::format("{}: expected a value, found an empty one", option->get_name()));
    }
    return {};
}

const char* description_of(const std::string& role) {
    if (role == "up") {
        return "Starts this machine's cloud and keeps it running: the daemon and the edge.\n"
               "Ctrl-C drains and stops it; a second Ctrl-C does not wait for what is in flight.";
    }
    return "The daemon of a node, as a service manager runs it. SIGTERM ends the daemon alone:\n"
           "instances and edge serve on. SIGINT drains and stops them all.";
}

}  // namespace

ParsedNode parse_node_options(const std::string& role, int argc, char** argv) {
    ParsedNode parsed;
    auto& options = parsed.options;
    options.platforms = MOLN_PLATFORMS_DIR;
    CLI::App app(description_of(role), "moln " + role);
    app.footer("Examples:\n  moln " + role + "\n  moln " + role +
               " --data /srv/moln --listen 0.0.0.0:80\n");
    app.add_option("--data", options.data.root, "the one directory where all state lies")
        ->envname("MOLN_DATA")
        ->capture_default_str();
    app.add_option("--listen", options.listens, "where the edge takes requests, IP:PORT")
        ->capture_default_str();
    app.add_option("--listen-tls", options.tls_listens,
                   "where it takes requests over TLS, IP:PORT; \"none\": nowhere")
        ->capture_default_str();
    app.add_option("--node", options.node, "the node's name (default: the host's)");
    app.add_option("--edge-threads", options.edge_threads, "threads of the edge, 0: one a core")
        ->check(CLI::Range(0, 1024));
    add_size_option(app, "--cache-memory", options.cache_memory, k_cache_memory_min,
                    "memory for answers of routes with a cache; 0: nothing is kept");
    add_size_option(app, "--cache-disk-size", options.cache_disk, k_cache_disk_min,
                    "disk for them below DATA/edge/cache, and never more than half of what is "
                    "free; 0: none");
    app.add_option("--cache-peers", options.cache_peers,
                   "file that names other edges to fill the cache from: docs/CACHE.md; read again\n"
                   "within seconds when it changes");
    std::string drain_limit = "0s";
    app.add_option(
           "--edge-drain-limit", drain_limit,
           "an edge that an update has replaced is ended after so long, as in 2h, whatever\n"
           "is open there; 0s: it has all the time it needs")
        ->capture_default_str();
    add_access_log_format(app, options.access_log_format);
    app.add_option("--metrics", options.metrics_listen,
                   "serve Prometheus metrics on this loopback address");
    add_trace_export(app, options.traces);
    app.add_option("--api", options.api_listen,
                   "serve the API on this loopback address too, with the token in DATA/api.token");
    app.add_option("--network", options.network,
                   "first two numbers of the /16 of the instances' private networks")
        ->capture_default_str();
    app.add_flag("--streams-in-edge", options.streams_in_edge,
                 "TCP and UDP routes are passed on by the edge, never by the kernel");
    app.add_option("--platforms", options.platforms, "folder of platform recipes")
        ->capture_default_str();
    app.add_option("--build-env", options.build_env,
                   "variables of builds, as registries and their tokens: lines NAME=VALUE")
        ->capture_default_str();
    app.add_flag("--verbose,-v", options.verbose, "log more than warnings");
    app.add_flag("--log-json", options.log_json, "log as JSON lines");
    app.add_option("--ready-fd", options.ready_fd)->group("");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == 0) {
            app.exit(error);
            parsed.exit_code = 0;
        } else {
            cli::say(cli::usage_text(role, cli::plain_words(error.what())));
            parsed.exit_code = 2;
        }
        return parsed;
    }
    auto good = check_values(app);
    if (good) good = check_addresses(options);
    if (!good) {
        cli::say(fmt::format("moln {}: {}\n", role, good.error().reason));
        parsed.exit_code = 2;
        return parsed;
    }
    if (const auto limit = parse_duration(drain_limit); limit) {
        options.edge_drain_limit = *limit;
    } else {
        cli::say(fmt::format("moln {}: --edge-drain-limit: {}\n", role, limit.error().reason));
        parsed.exit_code = 2;
        return parsed;
    }
    if (!options.cache_peers.empty()) {
        std::error_code error;
        options.cache_peers = std::filesystem::absolute(options.cache_peers, error).string();
    }
    if (options.node.empty()) options.node = host_name();
    if (options.tls_listens == std::vector<std::string>{"none"}) options.tls_listens.clear();
    while (options.data.root.size() > 1 && options.data.root.back() == '/') {
        options.data.root.pop_back();
    }
    if (options.data.root.empty() || options.data.root[0] != '/') {
        std::error_code error;
        options.data.root = std::filesystem::absolute(options.data.root, error).string();
    }
    return parsed;
}

std::vector<std::string> node_arguments(const NodeOptions& options) {
    std::vector<std::string> arguments = {"--data",
                                          options.data.root,
                                          "--node",
                                          options.node,
                                          "--network",
                                          options.network,
                                          "--platforms",
                                          options.platforms,
                                          "--build-env",
                                          options.build_env,
                                          "--edge-threads",
                                          std::to_string(options.edge_threads),
                                          "--cache-memory",
                                          format_size(options.cache_memory),
                                          "--cache-disk-size",
                                          format_size(options.cache_disk)};
    for (const auto& listen : options.listens) {
        arguments.insert(arguments.end(), {"--listen", listen});
    }
    for (const auto& listen : options.tls_listens) {
        arguments.insert(arguments.end(), {"--listen-tls", listen});
    }
    if (options.tls_listens.empty()) arguments.insert(arguments.end(), {"--listen-tls", "none"});
    if (options.edge_drain_limit.count > 0) {
        arguments.insert(arguments.end(),
                         {"--edge-drain-limit", format_duration(options.edge_drain_limit)});
    }
    if (options.access_log_format != AccessLogFormat::json) {
        arguments.insert(arguments.end(), {"--access-log-format",
                                           std::string(enum_word(options.access_log_format))});
    }
    if (!options.cache_peers.empty()) {
        arguments.insert(arguments.end(), {"--cache-peers", options.cache_peers});
    }
    if (!options.metrics_listen.empty()) {
        arguments.insert(arguments.end(), {"--metrics", options.metrics_listen});
    }
    const auto traces = trace_export_arguments(options.traces);
    arguments.insert(arguments.end(), traces.begin(), traces.end());
    if (!options.api_listen.empty()) {
        arguments.insert(arguments.end(), {"--api", options.api_listen});
    }
    if (options.streams_in_edge) arguments.push_back("--streams-in-edge");
    if (options.verbose) arguments.push_back("--verbose");
    if (options.log_json) arguments.push_back("--log-json");
    return arguments;
}

}  // namespace moln
