// The options of the roles that make a node: `moln up` and `moln daemon` take the same ones.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/units.h"
#include "drivers/data_dir.h"
#include "model/access_log.h"
#include "model/trace_export.h"

namespace moln {

// Less makes no sense for a cache; 0 is none.
inline constexpr Bytes k_cache_memory_min = mib(1);
inline constexpr Bytes k_cache_disk_min = mib(8);

struct NodeOptions {
    DataDir data{"/var/lib/moln"};
    std::string node = "";                                      // its name; "" is the host's
    std::vector<std::string> listens = {"127.0.0.1:8080"};      // of the edge
    std::vector<std::string> tls_listens = {"127.0.0.1:8443"};  // of the edge
    Bytes cache_memory = mib(256);                              // of the edge; 0: nothing is kept
    Bytes cache_disk = gib(10);                                 // at most; 0: none
    std::string cache_peers;  // file that names other edges to fill the cache from; "" for none
    int edge_threads = 0;     // 0: one per core
    Milliseconds edge_drain_limit{0};  // of one replaced; 0: none
    AccessLogFormat access_log_format = AccessLogFormat::json;
    std::string metrics_listen;  // of the edge; loopback only
    TraceExport traces;          // of the edge
    std::string api_listen;      // TCP beside the unix socket; loopback only, with a token
    std::string network = "10.213";
    std::string platforms;                          // folder of platform recipes
    std::string build_env = "/etc/moln/build.env";  // settings of builds; may be missing
    bool streams_in_edge = false;                   // the kernel passes none on by itself
    bool verbose = false;
    bool log_json = false;
    int ready_fd = -1;  // `up` waits on it for one line
};

// What the program's first word picked, parsed from what follows it; an exit code when there is
// nothing left to do (help was asked for, or the arguments were wrong and that was said).
struct ParsedNode {
    NodeOptions options;
    std::optional<int> exit_code;
};
ParsedNode parse_node_options(const std::string& role, int argc, char** argv);

// The arguments that give another process the same options.
std::vector<std::string> node_arguments(const NodeOptions& options);

}  // namespace moln
