// Whether an app has a canary: the wanted release beside the one that serves, until it is promoted,
// rolled back or fails. Who decides of it is plan/canary.h.
#pragma once

#include "model/resources.h"

namespace moln {

// The wanted release is to stay beside the one that serves.
inline bool has_canary(const App& app) {
    return app.canary && app.release_served != 0 && app.release != app.release_served;
}

}  // namespace moln
