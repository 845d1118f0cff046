#include <CLI/CLI.hpp>

#include "main/log_option.h"
#include "main/node_options.h"
#include "main/roles.h"
#include "main/size_option.h"
#include "main/trace_option.h"
#include "runtime/edge/edge_main.h"

namespace moln {

int run_edge_role(int argc, char** argv) {
    EdgeOptions options;
    std::uint32_t run_as = 0;
    Bytes cache_memory{static_cast<std::int64_t>(options.cache_bytes)};
    Bytes cache_disk{static_cast<std::int64_t>(options.cache_disk_bytes)};
    CLI::App app("The data plane of a node. The daemon starts it; it serves on without the daemon.",
                 "moln edge");
    app.footer(
        "Example:\n  moln edge --listen 127.0.0.1:8080 --control /run/e.sock --state /srv/edge\n");
    app.add_option("--listen", options.listens, "where to take requests, HOST:PORT");
    app.add_option("--listen-tls", options.tls_listens, "where to take requests over TLS");
    app.add_option("--seal-key", options.seal_key,
                   "file of the key that opens the certificates' private keys");
    app.add_option("--control", options.control_socket, "unix socket that the daemon talks to")
        ->required();
    app.add_option("--take-over", options.take_over,
                   "control socket of a running edge whose place to take: its sockets come here,\n"
                   "it finishes what it has begun and ends");
    app.add_option("--drain-limit-ms", options.drain_limit.count,
                   "that edge is ended after so long whatever is open; 0: never")
        ->check(CLI::NonNegativeNumber);
    app.add_option("--state", options.state_dir, "directory of the last snapshot and the lock")
        ->required();
    app.add_option("--sites", options.sites_dir, "directory of the published sites");
    app.add_option("--access-log", options.access_log, "file of one line a request");
    add_access_log_format(app, options.access_log_format);
    app.add_option("--metrics", options.metrics_listen,
                   "serve Prometheus metrics on this loopback address");
    add_trace_export(app, options.traces);
    add_size_option(app, "--cache-memory", cache_memory, k_cache_memory_min,
                    "memory of the cache; 0: nothing is kept");
    app.add_option("--cache-disk", options.cache_disk,
                   "folder where the cache keeps what does not fit into memory; made if missing");
    add_size_option(app, "--cache-disk-size", cache_disk, k_cache_disk_min,
                    "at most so much of it, and half of what is free; 0: no disk is used");
    app.add_option("--threads", options.threads, "0: one a core")->check(CLI::Range(0, 1024));
    app.add_option("--run-as", run_as, "uid and gid to drop to once everything is open");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : k_exit_cannot;
    }
    options.cache_bytes = static_cast<std::size_t>(cache_memory.count);
    options.cache_disk_bytes = static_cast<std::uint64_t>(cache_disk.count);
    if (run_as != 0) {
        options.uid = run_as;
        options.gid = run_as;
    }
    return run_edge(options);
}

}  // namespace moln
