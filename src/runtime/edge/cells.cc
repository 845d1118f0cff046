#include "runtime/edge/cells.h"

#include <algorithm>

namespace moln::edge_loop {

void add_to(EdgeCacheReport& report, const WorkerCounts& counts) {
    report.hits_total += counts.cache_hits.get();
    report.stale_hits_total += counts.cache_stale_hits.get();
    report.misses_total += counts.cache_misses.get();
    report.collapsed_total += counts.cache_collapsed.get();
    report.passes_total += counts.cache_passes.get();
    report.revalidations_total += counts.cache_revalidations.get();
    report.fetch_failures_total += counts.cache_fetch_failures.get();
    report.coded_total += counts.cache_coded.get();
    report.coded_saved.count += counts.cache_coded_saved.get();
}

void add_to(edge::EdgeTotals& totals, const WorkerCounts& counts) {
    totals.clients_open += counts.clients_open.get();
    totals.clients_total += counts.clients_total.get();
    totals.clients_refused_total += counts.clients_refused.get();
    totals.accept_failures_total += counts.accept_failures.get();
    totals.tls_handshakes_total += counts.tls_handshakes.get();
    totals.tls_resumptions_total += counts.tls_resumptions.get();
    totals.tls_handshake_failures_total += counts.tls_handshake_failures.get();
    totals.http2_streams_open += counts.h2_streams_open.get();
    totals.http2_streams_total += counts.h2_streams_total.get();
    totals.http2_streams_refused_total += counts.h2_streams_refused.get();
    totals.http2_floods_total += counts.h2_floods.get();
    totals.bad_requests_total += counts.bad_requests.get();
    totals.unrouted_total += counts.unrouted.get();
    totals.rate_limited_total += counts.rate_limited.get();
    totals.retries_total += counts.retries.get();
    totals.cache_peer_fetches_total += counts.cache_peer_fetches.get();
    totals.cache_peer_failures_total += counts.cache_peer_failures.get();
    totals.cache_peer_questions_total += counts.cache_peer_questions.get();
    totals.panic_requests_total += counts.panic_requests.get();
    totals.ejections_total += counts.ejections.get();
    totals.upstream_connects_total += counts.upstream_connects.get();
    totals.upstream_connect_failures_total += counts.upstream_connect_failures.get();
    totals.answer_timeouts_total += counts.answer_timeouts.get();
    totals.bytes_in_total += counts.bytes_in.get();
    totals.bytes_out_total += counts.bytes_out.get();
    totals.streams_open += counts.streams_open.get();
    totals.streams_total += counts.streams_total.get();
    totals.streams_failed_total += counts.streams_failed.get();
    totals.stream_bytes_in_total += counts.stream_bytes_in.get();
    totals.stream_bytes_out_total += counts.stream_bytes_out.get();
}

void add_to(EndpointReport& report, const EndpointCell& cell, std::int64_t now_ms) {
    for (const EndpointSlot& slot : cell.slots) {
        report.requests_open += slot.requests_open.get();
        report.tunnels_open += slot.tunnels_open.get();
        report.requests_total += slot.requests_total.get();
        report.errors_total += slot.errors_total.get();
        const auto begun = slot.oldest_begun_ms.get();
        if (begun != 0) {
            report.oldest_open = std::max(report.oldest_open, Milliseconds{now_ms - begun});
        }
    }
}

EdgeAppReport report_of(const AppCell& cell) {
    EdgeAppReport report;
    report.app = cell.app;
    report.process = cell.process;
    report.held = cell.held.load();
    report.latency_counts.assign(edge::k_latency_buckets, 0);
    for (const AppSlot& slot : cell.slots) {
        report.held_total += slot.held_total.get();
        report.queue_us_total += slot.queue_us_total.get();
        report.requests_total += slot.requests_total.get();
        report.errors_total += slot.errors_total.get();
        for (std::size_t i = 0; i < edge::k_latency_buckets; ++i) {
            report.latency_counts[i] += slot.latency[i].get();
        }
    }
    return report;
}

edge::MirrorTotals mirrors_of(const AppCell& cell) {
    edge::MirrorTotals totals{.app = cell.app, .process = cell.process};
    for (const AppSlot& slot : cell.slots) {
        totals.mirrors_total += slot.mirrors_total.get();
        totals.errors_total += slot.mirror_errors_total.get();
        totals.dropped_total += slot.mirrors_dropped_total.get();
    }
    return totals;
}

}  // namespace moln::edge_loop
