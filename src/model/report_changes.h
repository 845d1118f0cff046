// The difference between two reports of an edge, as a value: of ten thousand apps that rest an edge
// has nothing to say every second. Not how it travels.
#pragma once

#include <vector>

#include "model/edge.h"
#include "model/edge_delta.h"

namespace moln {

struct ReportChanges {
    // As it is now, but of endpoints and apps only those that are new or other than before.
    EdgeReport report;
    std::vector<InstanceId> endpoints_gone;  // sorted
    std::vector<EdgeAppKey> apps_gone;       // sorted
    friend bool operator==(const ReportChanges&, const ReportChanges&) = default;
};

// Brings endpoints, by instance, and apps, by (app, process), into their order.
void sort_report(EdgeReport& report);

// What makes `now` of `before`. Both are sorted.
ReportChanges changes_since(const EdgeReport& before, EdgeReport now);

// Makes `report` what has changed since then. `report` is sorted, before and after. Few changes
// cost little, be the report as long as it may.
void take_changes(EdgeReport& report, ReportChanges changes);

}  // namespace moln
