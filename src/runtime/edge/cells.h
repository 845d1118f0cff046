// What workers count and the control thread sums: a slot per worker, each written by that worker
// only, so that the hot path has no locked instruction and no shared cache line.
//
// A cell outlives the snapshots that name its endpoint or app, as long as a request is open.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "edge/cache/target.h"
#include "edge/histogram.h"
#include "edge/metrics_text.h"
#include "edge/preference.h"
#include "io/net/address.h"
#include "model/edge.h"

namespace moln::edge_loop {

// Written by one thread, read by any.
class Count {
public:
    void add(std::int64_t delta) {
        value_.store(value_.load(std::memory_order_relaxed) + delta, std::memory_order_release);
    }
    void set(std::int64_t value) { value_.store(value, std::memory_order_release); }
    std::int64_t get() const { return value_.load(std::memory_order_acquire); }

private:
    std::atomic<std::int64_t> value_ = 0;
};

struct alignas(64) EndpointSlot {
    // A request that becomes a tunnel is added to tunnels before it leaves requests, and readers
    // read requests first: at no moment does an open one look closed.
    Count requests_open;
    Count tunnels_open;
    Count oldest_begun_ms;  // monotonic; 0 when nothing is open
    Count requests_total;
    Count errors_total;
};

struct EndpointCell {
    InstanceId instance;
    net::SocketAddress address;
    std::vector<EndpointSlot> slots;
    std::atomic<EndpointHealth> health = EndpointHealth::unknown;
    std::atomic<bool> late = false;  // see edge::ProbedHealth::late(); written before health
    // Shared by all workers, so that a limit of one is a limit of one; 0 where there is no limit.
    std::atomic<std::int64_t> admitted = 0;
    std::uint64_t affinity = 0;  // what a client's cookie names it by; never 0
    std::uint64_t place;         // in the order of balancing by a key

    EndpointCell(InstanceId id, net::SocketAddress where, std::size_t workers)
        : instance(std::move(id)),
          address(where),
          slots(workers),
          place(edge::balance_key(instance.text)) {}
};

struct alignas(64) AppSlot {
    Count held_total;
    Count queue_us_total;
    Count requests_total;
    Count errors_total;
    // Copies that the canary got, apart from its requests; and those that were not made.
    Count mirrors_total;
    Count mirror_errors_total;
    Count mirrors_dropped_total;
    Count latency[edge::k_latency_buckets];
};

struct AppCell {
    AppId app;
    std::string process;
    std::vector<AppSlot> slots;
    std::uint64_t cache_scope;           // tells apps apart in the cache
    std::atomic<std::int64_t> held = 0;  // shared by all workers: its bound is exact

    AppCell(AppId id, std::string name, std::size_t workers)
        : app(std::move(id)),
          process(std::move(name)),
          slots(workers),
          cache_scope(edge::cache_hash(app.text + " " + process, 0)) {}
};

struct alignas(64) WorkerCounts {
    Count clients_open;
    Count clients_total;
    Count clients_refused;
    Count accept_failures;
    Count tls_handshakes;
    Count tls_resumptions;
    Count tls_handshake_failures;
    Count h2_streams_open;
    Count h2_streams_total;
    Count h2_streams_refused;
    Count h2_floods;
    Count bad_requests;
    Count unrouted;
    Count rate_limited;
    Count retries;
    Count ejections;
    Count panic_requests;  // sent to an endpoint that is unhealthy by lateness
    Count upstream_connects;
    Count upstream_connect_failures;
    Count answer_timeouts;
    Count cache_hits;
    Count cache_stale_hits;  // of them
    Count cache_misses;      // that led a fetch
    Count cache_collapsed;   // that waited for another's
    Count cache_passes;
    Count cache_revalidations;
    Count cache_fetch_failures;
    Count cache_peer_fetches;    // that asked another edge
    Count cache_peer_failures;   // of them: it could not be asked
    Count cache_peer_questions;  // of other edges
    Count cache_coded;           // answers given compressed
    Count cache_coded_saved;     // bytes that they would have had besides
    Count bytes_in;
    Count bytes_out;
    Count streams_open;
    Count streams_total;
    Count streams_failed;
    Count stream_bytes_in;
    Count stream_bytes_out;
};

void add_to(edge::EdgeTotals& totals, const WorkerCounts& counts);
// All workers together; `now_ms` is of the clock that oldest_begun_ms uses.
void add_to(EdgeCacheReport& report, const WorkerCounts& counts);
void add_to(EndpointReport& report, const EndpointCell& cell, std::int64_t now_ms);
EdgeAppReport report_of(const AppCell& cell);
edge::MirrorTotals mirrors_of(const AppCell& cell);

}  // namespace moln::edge_loop
