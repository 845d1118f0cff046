// `moln top --routes`: rates of routes between two looks at what the edge counts for them.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "api/call.h"
#include "api/view.h"
#include "model/top_routes.h"

namespace moln::api {

// What was counted at one moment, by process. Each of them counts since it began, and for a route
// since that was added: what one has counted is told apart from what another has.
using RouteSample = std::map<std::int64_t, std::vector<EdgeRouteReport>>;

struct TopRoutesWish {
    AppFilter filter;
    std::size_t limit = 0;  // routes; the row of all that are not told apart is beside it
    Milliseconds interval;
};

// What grew from `before` to `after`: a process or route that `before` has not began meanwhile, as
// did a count that fell. Only routes of `routes` (sorted, as in EdgeSnapshot) that the filter
// takes; the row of all that are not told apart only where no app was asked for. `at` is left open.
TopRoutesView top_routes_view(const std::vector<EdgeRoute>& routes, const RouteSample& before,
                              const RouteSample& after, const TopRoutesWish& wish);

void top_routes(std::shared_ptr<Call> call);

}  // namespace moln::api
