// The daemon's line to the edge of its node. Delivery is not promised: the latest snapshot is sent
// again after every reconnect, and only a report's acked_version says that one was applied.
//
// The edge is one process, or several while a new one takes the place of another, which goes on
// until what it began is over: all get every snapshot, and all are heard. A later one has a higher
// number.
#pragma once

#include <cstdint>
#include <functional>

#include "model/edge.h"

namespace moln {

// Not a process: the node's kernel, which passes some streams on by itself (docs/TCP.md). It
// acknowledges and counts as one, and never takes requests.
inline constexpr std::int64_t k_kernel_process = 0;

struct EdgeNews {
    enum class Kind {
        began,  // it is there, or is about to be; it may have anything open
        reported,
        lost,   // it may live, but cannot be heard
        ended,  // it is dead: nothing is open there
    };
    std::int64_t process = 0;  // from 1; or k_kernel_process
    Kind kind = Kind::began;
    const EdgeReport* report = nullptr;  // of reported
};

class EdgeLink {
public:
    virtual ~EdgeLink() = default;

    // Keeps `snapshot` as the latest and sends it to every process that is reachable.
    virtual void publish(const EdgeSnapshot& snapshot) = 0;

    // Called on the loop thread. `began` is told before a process can have anything open.
    virtual void on_news(std::function<void(const EdgeNews&)> callback) = 0;
};

}  // namespace moln
