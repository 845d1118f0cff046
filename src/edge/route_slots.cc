#include "edge/route_slots.h"

#include <utility>

namespace moln::edge {

std::vector<std::uint32_t> RouteSlots::assign(std::span<const EdgeRoute> routes,
                                              std::vector<std::uint32_t>& taken) {
    taken.clear();
    std::vector<std::uint32_t> slots(routes.size(), 0);
    auto before = std::exchange(slots_, {});
    std::vector<bool> used(k_route_slots_max + 1, false);
    for (std::size_t i = 0; i < routes.size(); ++i) {
        const auto known = before.find({routes[i].host, routes[i].path});
        if (known == before.end()) continue;
        slots[i] = known->second;
        used[known->second] = true;
        slots_.insert(before.extract(known));
    }
    std::uint32_t next = 1;
    for (std::size_t i = 0; i < routes.size() && slots_.size() < k_route_slots_max; ++i) {
        if (slots[i] != 0) continue;
        while (used[next]) ++next;
        slots[i] = next++;
        slots_.emplace(EdgeRouteKey{routes[i].host, routes[i].path}, slots[i]);
        taken.push_back(slots[i]);
    }
    return slots;
}

}  // namespace moln::edge
