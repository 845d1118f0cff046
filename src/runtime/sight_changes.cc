#include "runtime/sight_changes.h"

#include <algorithm>

namespace moln {
namespace {

// Equal but for usage.
bool same_for_decisions(const InstanceSeen& a, const InstanceSeen& b) {
    return a.phase == b.phase && a.generation == b.generation && a.address == b.address &&
           a.started == b.started && a.restarts == b.restarts && a.last_exit == b.last_exit &&
           a.reason == b.reason;
}

bool same_for_decisions(const EndpointReport& a, const EndpointReport& b) {
    const auto idle = [](const EndpointReport& e) {
        return e.requests_open == 0 && e.tunnels_open == 0;
    };
    return a.instance == b.instance && a.health == b.health && idle(a) == idle(b);
}

}  // namespace

bool matters(const NodeSeen& before, const NodeSeen& now) {
    if (before.connected != now.connected || before.trash_settled != now.trash_settled ||
        before.trash_purged != now.trash_purged || before.trash_restored != now.trash_restored ||
        before.volumes_settled != now.volumes_settled) {
        return true;
    }
    return !std::equal(before.instances.begin(), before.instances.end(), now.instances.begin(),
                       now.instances.end(), [](const auto& a, const auto& b) {
                           return a.first == b.first && same_for_decisions(a.second, b.second);
                       });
}

bool matters(const EdgeReport& before, const EdgeReport& now) {
    if (before.acked_version != now.acked_version || before.acked_epoch != now.acked_epoch ||
        before.pid != now.pid) {
        return true;
    }
    return !std::equal(before.endpoints.begin(), before.endpoints.end(), now.endpoints.begin(),
                       now.endpoints.end(),
                       [](const auto& a, const auto& b) { return same_for_decisions(a, b); });
}

bool concerns_nodes(const Change& change) {
    return std::holds_alternative<PutInstance>(change) ||
           std::holds_alternative<DeleteInstance>(change) ||
           std::holds_alternative<PutVolume>(change) ||
           std::holds_alternative<DeleteVolume>(change) ||
           std::holds_alternative<PutTrash>(change) || std::holds_alternative<DeleteTrash>(change);
}

}  // namespace moln
