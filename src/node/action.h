// What the agent is to have done next, as data. Each is idempotent; its subjects say what it
// touches, and of all actions under way no two share a subject.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "base/id.h"
#include "model/resources.h"
#include "node/assignment.h"

namespace moln::node {

struct CreateVolume {
    Volume volume;
};
struct RestoreVolume {
    VolumeId volume;
    TrashId trash;
};
struct TrashVolume {
    VolumeId volume;
    TrashId trash;
};
struct TrashImage {
    std::vector<std::string> layers;
    TrashId trash;
};
struct RestoreImage {
    TrashId trash;
};
struct PurgeTrash {
    TrashId trash;
};
struct Inspect {
    InstanceId instance;
};
struct Prepare {
    std::shared_ptr<const InstanceWork> work;
};
struct Start {
    InstanceId instance;
};
struct Signal {
    InstanceId instance;
    std::string signal;
    std::int64_t generation = 0;  // of the assignment that asked for it
};
struct Kill {
    InstanceId instance;
};
struct Remove {
    InstanceId instance;
    TrashId trash;
    std::vector<VolumeId> volumes = {};  // of its own lifetime: they go to the trash with it
};

using Action = std::variant<CreateVolume, RestoreVolume, TrashVolume, TrashImage, RestoreImage,
                            PurgeTrash, Inspect, Prepare, Start, Signal, Kill, Remove>;

// The instance that an action is about; empty for the work on volumes and trash.
InstanceId instance_of(const Action& action);
// "instance/web-7f3k2m", "volume/vol-…" or "trash/tr-…": calls of one key come one after the other.
std::string key_of(const Action& action);
// "start web-7f3k2m", for logs and stories.
std::string describe(const Action& action);

}  // namespace moln::node
