// The role `moln edge`: listens, routes, balances, and is told what to do over a control socket.
// Not the daemon's side of that socket: that is an EdgeLink.
//
// The control socket is a unix stream of JSON lines. The daemon sends {"snapshot": EdgeSnapshot} or
// {"delta": EdgeDelta}, {"listener": EdgeListenOffer} with its sockets, {"purge": CachePurge},
// {"cache_peers": CachePeering} (without a name: there are none),
// {"get": "report"}, {"get": "metrics"} or {"get": "routes"}; the edge sends {"report": EdgeReport,
// "deltas": true, "counts": EdgeProcessCounts}, first of all, unasked when something happened and
// every second (a long one in several lines, all but the last with "more": true), {"resync": {}}
// when a delta is of another base than what is here, {"purged": "", or why not}, {"metrics":
// "text"} and {"routes": [EdgeRouteReport]}. A line that is none of these or is too long ends that
// connection and nothing else. Any number of daemons may come and go.
//
// An edge that takes the place of another (EdgeOptions::take_over) is given its listening sockets,
// its state directory and the keys of its session tickets over that socket (edge/hand_over.h), and
// serves before the other stops accepting: nothing is refused, reset or waits. The other finishes
// what it has begun, reports that it leaves, and ends. Each of the two serves on when the other, or
// the daemon, dies in the middle of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "edge/limits.h"
#include "model/access_log.h"
#include "model/trace_export.h"

namespace moln {

enum class EdgeSeccomp : std::uint8_t {
    on,
    off,  // under sanitizers, which need system calls of their own
};

// Of clients, and of what is kept for them; the defaults are those of edge/limits.h. Others are for
// tests.
struct EdgeClientLimits {
    std::uint32_t clients_max = edge::k_clients_max;     // per worker; fewer if descriptors are few
    std::uint32_t streams_max = edge::k_h2_streams_max;  // of HTTP/2, per worker
    Milliseconds head = edge::k_client_head_limit;
    Milliseconds idle = edge::k_client_idle_limit;
    Milliseconds stall = edge::k_client_stall_limit;
    Milliseconds half_closed = edge::k_tunnel_half_closed_limit;
    Milliseconds h2_shutdown = edge::k_h2_shutdown_pause;
    Milliseconds upstream_idle = edge::k_upstream_idle_limit;
    std::size_t flows_max = edge::k_udp_flows_max;  // per worker
};

struct EdgeOptions {
    std::vector<std::string> listens;      // "127.0.0.1:8080"; port 0 asks the kernel for one
    std::vector<std::string> tls_listens;  // the same for TLS; redirects lead to the first
    std::string seal_key;        // path of the key that opens the certificates' keys; "": none
    std::string control_socket;  // path; made with mode 0600
    std::string take_over;       // the control socket of the edge whose place it takes; "": of none
    Milliseconds drain_limit{0};  // what that one has open then is cut; 0: all the time it needs
    std::string state_dir;        // exists; the last snapshot, its journal and the lock live here
    std::string sites_dir;        // of the published sites; "" for none
    std::string access_log;       // path, "" for none; reopened on SIGHUP
    AccessLogFormat access_log_format = AccessLogFormat::json;
    std::string metrics_listen;  // "127.0.0.1:9100", loopback only; "" for none
    TraceExport traces;
    std::size_t cache_bytes = edge::k_cache_bytes_default;  // of memory; 0: nothing is cached
    std::string cache_disk;  // folder of the cache's disk; made; "" for none
    std::uint64_t cache_disk_bytes = edge::k_cache_disk_default;  // at most; 0: no disk
    int threads = 0;           // 0: one per core that this process may use
    std::optional<uid_t> uid;  // dropped to once everything is bound and open
    std::optional<gid_t> gid;
    EdgeSeccomp seccomp = EdgeSeccomp::on;
    EdgeClientLimits limits;
};

// Runs until SIGTERM or SIGINT; the first ends it when all that was begun is finished (0), a
// second at once (1). 2 when it could not start: the reason is on standard error.
int run_edge(const EdgeOptions& options);

}  // namespace moln
