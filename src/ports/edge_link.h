// The daemon's line to the edge of its node. Delivery is not promised: the latest snapshot is sent
// again after every reconnect, and only a report's acked_version says that one was applied.
#pragma once

#include <functional>

#include "model/edge.h"

namespace moln {

class EdgeLink {
public:
    virtual ~EdgeLink() = default;

    // Keeps `snapshot` as the latest and sends it if the edge is reachable.
    virtual void publish(const EdgeSnapshot& snapshot) = 0;

    // Called on the loop thread for every report and when the edge is lost (nullptr).
    virtual void on_report(std::function<void(const EdgeReport*)> callback) = 0;
};

}  // namespace moln
