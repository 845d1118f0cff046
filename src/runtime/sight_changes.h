// Which news can change a decision. What cannot (counters, usage) waits for the next plan that is
// made anyway, so that a thousand idle instances cost nothing.
#pragma once

#include "model/change.h"
#include "model/world.h"

namespace moln {

bool matters(const NodeSeen& before, const NodeSeen& now);
bool matters(const EdgeReport& before, const EdgeReport& now);

// The change is of something that assignments are made of.
bool concerns_nodes(const Change& change);

}  // namespace moln
