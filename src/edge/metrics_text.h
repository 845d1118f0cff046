// The edge's counters as Prometheus text (exposition format 0.0.4). Values in, text out.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/edge.h"
#include "model/edge_routes.h"

namespace moln::edge {

struct EdgeTotals {
    std::int64_t clients_open = 0;
    std::int64_t clients_total = 0;
    std::int64_t clients_refused_total = 0;  // over k_clients_max
    std::int64_t accept_failures_total = 0;  // no descriptor or memory left
    std::int64_t tls_handshakes_total = 0;
    std::int64_t tls_resumptions_total = 0;         // of them by a session ticket
    std::int64_t tls_handshake_failures_total = 0;  // no common ground, unknown name, gone
    std::int64_t http2_streams_open = 0;
    std::int64_t http2_streams_total = 0;
    std::int64_t http2_streams_refused_total = 0;  // over k_h2_streams_max
    std::int64_t http2_floods_total = 0;           // connections closed for frames without use
    std::int64_t bad_requests_total = 0;           // refused by the parser
    std::int64_t unrouted_total = 0;               // no app for the host
    std::int64_t rate_limited_total = 0;           // answered 429
    std::int64_t retries_total = 0;
    std::int64_t cache_peer_fetches_total = 0;    // that asked another edge
    std::int64_t cache_peer_failures_total = 0;   // of them: it could not be asked
    std::int64_t cache_peer_questions_total = 0;  // of other edges
    std::int64_t replay_bytes = 0;                // of bodies kept past memory
    std::int64_t replay_files_total = 0;          // bodies that were
    std::int64_t replay_refused_total = 0;        // bodies that were let go for want of room
    std::int64_t ejections_total = 0;
    std::int64_t panic_requests_total = 0;  // sent to late endpoints, as none was healthy
    std::int64_t upstream_connects_total = 0;
    std::int64_t upstream_connect_failures_total = 0;
    std::int64_t answer_timeouts_total = 0;  // 504: the instance was silent for too long
    std::int64_t bytes_in_total = 0;         // request bodies
    std::int64_t bytes_out_total = 0;        // response bodies
    std::int64_t streams_open = 0;
    std::int64_t streams_total = 0;
    std::int64_t streams_failed_total = 0;  // no instance took it, or it broke
    std::int64_t stream_bytes_in_total = 0;
    std::int64_t stream_bytes_out_total = 0;
    std::int64_t log_lines_dropped_total = 0;
    std::int64_t spans_total = 0;             // made
    std::int64_t spans_exported_total = 0;    // taken by the collector
    std::int64_t spans_dropped_total = 0;     // for want of room, or refused by it
    std::int64_t spans_over_limit_total = 0;  // not made: there were as many as may be in a second
    std::int64_t span_export_failures_total = 0;  // requests to the collector that came to nothing
    friend bool operator==(const EdgeTotals&, const EdgeTotals&) = default;
};

// Copies of requests for a canary.
struct MirrorTotals {
    AppId app;
    std::string process;
    std::int64_t mirrors_total = 0;
    std::int64_t errors_total = 0;   // of them: 5xx, or no answer
    std::int64_t dropped_total = 0;  // not made, for want of a place
};

// What is told beside the report. Of `mirrors` those are told that have any; the last of `routes`
// may be all that are not told apart: its labels say host="other".
struct MetricParts {
    std::vector<MirrorTotals> mirrors;
    std::vector<EdgeRouteReport> routes;
};

// Sums of seconds are not kept: the histogram's buckets are what alerts are made of.
std::string metrics_text(const EdgeReport& report, const EdgeTotals& totals,
                         const MetricParts& parts = {});

}  // namespace moln::edge
