// The routing half of the plan: routes and endpoints as the edges are to know them. The public
// edge_view() is in plan.h.
#pragma once

#include "plan/scope.h"

namespace moln::plan {

// "shop.localhost" for default/shop, "shop.team.localhost" for team/shop.
std::string default_host(const AppId& app);

// The process that the default host leads to: `web`, or else the first that speaks HTTP, or else
// the app's site; "" without any.
std::string default_process(const AppConfig& config);

// `wake` of the draft is set to when time alone changes the view.
EdgeSnapshot draw_edge(Draft& draft, const Index& index);

}  // namespace moln::plan
