// What a worker makes spans with, and how it reaches the thread that exports them.
#pragma once

#include <atomic>
#include <cstdint>

#include "edge/limits.h"
#include "edge/tracing.h"
#include "io/net/wake.h"
#include "runtime/edge/cells.h"
#include "runtime/edge/log_ring.h"

namespace moln::edge_loop {

// Of the exporting thread; outlives the workers.
struct SpanPort {
    explicit SpanPort(net::Wake ring) : wake(std::move(ring)) {}
    net::Wake wake;
    std::atomic<bool> waiting = false;   // some ring has spans
    std::atomic<bool> pressing = false;  // some ring is more than half full
    std::atomic<bool> stop = false;      // what is there goes out, within k_export_end_limit
};

// Of one worker, who alone writes it.
struct Tracer {
    Tracer(SpanPort& its_port, double sampled, std::uint32_t spans_per_second)
        : port(its_port), share(sampled), budget(spans_per_second) {}

    SpanPort& port;
    edge::SampleShare share;
    edge::SpanBudget budget;
    LogRing ring{edge::k_span_ring_bytes};
    Count made;         // spans
    Count over_budget;  // requests that would have had one
};

}  // namespace moln::edge_loop
