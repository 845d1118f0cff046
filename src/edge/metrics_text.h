// The edge's counters as Prometheus text (exposition format 0.0.4). Values in, text out.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/edge.h"

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
    std::int64_t ejections_total = 0;
    std::int64_t upstream_connects_total = 0;
    std::int64_t upstream_connect_failures_total = 0;
    std::int64_t bytes_in_total = 0;   // request bodies
    std::int64_t bytes_out_total = 0;  // response bodies
    std::int64_t streams_open = 0;
    std::int64_t streams_total = 0;
    std::int64_t streams_failed_total = 0;  // no instance took it, or it broke
    std::int64_t stream_bytes_in_total = 0;
    std::int64_t stream_bytes_out_total = 0;
    std::int64_t log_lines_dropped_total = 0;
    friend bool operator==(const EdgeTotals&, const EdgeTotals&) = default;
};

// Sums of seconds are not kept: the histogram's buckets are what alerts are made of.
std::string metrics_text(const EdgeReport& report, const EdgeTotals& totals);

}  // namespace moln::edge
