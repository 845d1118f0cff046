// What all processes of a node's edge report, as one: the leader decides upon the edge of a node,
// and need not know of how many processes it is. A value.
//
// The sum acknowledges only what every process has acknowledged, one that takes requests among
// them: one that was not heard yet, or not any more, may send its next request by an older
// snapshot. What is open is what is open in any.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "ports/edge_link.h"

namespace moln {

class EdgeReports {
public:
    void take(const EdgeNews& news);

    // None when no process can be heard. Health, addresses, cache and pid are of the newest process
    // that takes requests; those that leave are listed.
    std::optional<EdgeReport> sum() const;

private:
    struct Process {
        std::optional<EdgeReport> report;  // none: not heard since it began or was lost
    };
    const EdgeReport* newest() const;

    std::map<std::int64_t, Process> processes_;
};

}  // namespace moln
