// What workers count for routes: a slot a route and worker, written by that worker alone and read
// by the control thread. Slots are there from the start, so that a worker counts without a look at
// anything but a number, and a request that outlives its route harms nobody: at worst it is counted
// for the route that has the slot after it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "edge/route_slots.h"
#include "model/edge_routes.h"
#include "runtime/edge/cells.h"

namespace moln::edge_loop {

struct alignas(64) RouteSlot {
    Count requests_total;
    Count errors_total;
    Count cache_hits;
    Count cache_misses;
    Count cache_passes;
    Count bytes_in;
    Count bytes_out;
    Count latency[edge::k_latency_buckets];
};

// Of one worker.
class RouteCounts {
public:
    RouteSlot& slot(std::uint32_t number) { return slots_[number]; }
    const RouteSlot& slot(std::uint32_t number) const { return slots_[number]; }

private:
    std::unique_ptr<RouteSlot[]> slots_ =
        std::make_unique<RouteSlot[]>(edge::k_route_slots_max + 1);
};

// Slots by index of CompiledRoutes::targets.
using RouteIndex = std::vector<std::uint32_t>;

// The control thread's: who has which slot, and what stood in it when that began.
class RouteLedger {
public:
    // `counts` of all workers outlive it.
    explicit RouteLedger(std::vector<const RouteCounts*> counts)
        : counts_(std::move(counts)), begun_(edge::k_route_slots_max + 1) {}

    std::shared_ptr<const RouteIndex> assign(std::span<const EdgeRoute> routes);
    // Sorted by route; last what all others have in common, if there is any.
    std::vector<EdgeRouteReport> report() const;

private:
    EdgeRouteReport sum(std::uint32_t slot) const;
    EdgeRouteReport since_begun(std::uint32_t slot) const;

    std::vector<const RouteCounts*> counts_;
    edge::RouteSlots slots_;
    std::vector<EdgeRouteReport> begun_;  // by slot
};

}  // namespace moln::edge_loop
