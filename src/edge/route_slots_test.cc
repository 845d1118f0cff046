#include "edge/route_slots.h"

#include <algorithm>
#include <set>

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace moln::edge {
namespace {

EdgeRoute route(std::size_t number) {
    EdgeRoute out;
    out.host = std::to_string(1'000'000 + number) + ".example";
    return out;
}

std::vector<EdgeRoute> some(std::size_t count) {
    std::vector<EdgeRoute> routes;
    for (std::size_t i = 0; i < count; ++i) routes.push_back(route(i));
    return routes;
}

TEST(RouteSlots, are_for_so_many_routes_and_the_others_share_one) {
    RouteSlots slots;
    std::vector<std::uint32_t> taken;
    auto all = slots.assign(some(k_route_slots_max), taken);
    EXPECT_EQ(std::ranges::count(all, 0U), 0);
    EXPECT_EQ(taken.size(), k_route_slots_max);
    all = slots.assign(some(k_route_slots_max + 1), taken);
    EXPECT_EQ(std::ranges::count(all, 0U), 1);
    EXPECT_EQ(all.back(), 0U);
    EXPECT_TRUE(taken.empty());
}

TEST(RouteSlots, a_route_keeps_its_own_and_no_two_have_the_same) {
    EXPECT_TRUE(rc::check("slots are stable and distinct", [] {
        RouteSlots slots;
        std::map<std::string, std::uint32_t> before;
        for (int step = 0; step < 5; ++step) {
            std::vector<EdgeRoute> routes;
            for (std::size_t i = 0; i < 12; ++i) {
                if (*rc::gen::arbitrary<bool>()) routes.push_back(route(i));
            }
            std::vector<std::uint32_t> taken;
            const auto assigned = slots.assign(routes, taken);
            std::map<std::string, std::uint32_t> now;
            std::set<std::uint32_t> seen;
            for (std::size_t i = 0; i < routes.size(); ++i) {
                RC_ASSERT(assigned[i] != 0U);
                RC_ASSERT(seen.insert(assigned[i]).second);
                now[routes[i].host] = assigned[i];
                const auto known = before.find(routes[i].host);
                const bool is_taken = std::ranges::find(taken, assigned[i]) != taken.end();
                RC_ASSERT(is_taken == (known == before.end()));
                if (known != before.end()) RC_ASSERT(known->second == assigned[i]);
            }
            before = now;
        }
    }));
}

}  // namespace
}  // namespace moln::edge
