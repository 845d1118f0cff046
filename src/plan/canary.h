// A canary: the wanted release beside the one that serves, in the edge for a part of the requests.
// It is a switch that stops before its second step (docs/INVARIANTS.md) until it is promoted,
// rolled back or fails.
#pragma once

#include <string>

#include "base/result.h"
#include "model/canary.h"
#include "model/resources.h"

namespace moln::plan {

// Could a release of that configuration be the app's canary? Says why not.
Status canary_fits(const App& app, const AppConfig& config, const CanarySpec& canary);

// "10 % of the clients, requests with X-Canary: yes".
std::string canary_words(const CanarySpec& canary);

// What the edge knows and the wanted release's instances leave: nobody wants it any more.
void drop_canary(App& app);

}  // namespace moln::plan
