// Which routes are counted for themselves: a route keeps its slot as long as it is there; a slot
// that is free is given to the next route without one, in the order of routes. Slot 0 is of all
// that have none.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "edge/limits.h"
#include "model/edge_delta.h"

namespace moln::edge {

class RouteSlots {
public:
    // The slots of `routes`, in their order; they are sorted. `taken`, cleared first, are the slots
    // that another route has now than before.
    std::vector<std::uint32_t> assign(std::span<const EdgeRoute> routes,
                                      std::vector<std::uint32_t>& taken);

    // Of the last call, by slot; sorted by route.
    const std::map<EdgeRouteKey, std::uint32_t>& routes() const { return slots_; }

private:
    std::map<EdgeRouteKey, std::uint32_t> slots_;
};

}  // namespace moln::edge
