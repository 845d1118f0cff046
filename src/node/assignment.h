// What one node has to do, resolved by the leader from the World: every instance with all that it
// is made from, the volumes and the trash of the node. A value that travels to the agent whole.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "model/resources.h"
#include "model/world.h"

namespace moln::node {

struct Mount {
    VolumeId volume;
    std::string path;
    Sharing sharing = Sharing::exclusive;
    Lifetime lifetime = Lifetime::app;
    friend bool operator==(const Mount&, const Mount&) = default;
};

struct InstanceWork {
    Instance instance;
    ImageRef image;
    std::vector<std::string> command;
    std::map<std::string, std::string> env;
    std::map<std::string, std::string> secrets;  // sealed; opened just before the sandbox is made
    std::string workdir;
    std::string user;
    std::string stop_signal;
    std::int64_t uid_base = 0;
    Bytes memory;
    std::int64_t cpu_millis = 1000;
    std::int64_t pids = 256;
    std::uint32_t network = 0;
    std::vector<Mount> mounts;
    std::string problem;  // why it cannot be made at all: its release is gone
};

struct TrashWork {
    TrashKind kind = TrashKind::writable_layer;
    std::string subject;
    std::vector<std::string> layers;  // kind image
    bool purging = false;
    bool settled = false;    // its bytes are known to be in the trash
    bool restoring = false;  // kind image: the layers are to come back
    friend bool operator==(const TrashWork&, const TrashWork&) = default;
};

struct Assignment {
    std::int64_t epoch = 0;    // leadership; a lower one is a deposed leader's and is ignored
    std::int64_t version = 0;  // rises with every assignment of one epoch; 0: none yet
    std::map<InstanceId, std::shared_ptr<const InstanceWork>> instances;
    std::map<VolumeId, Volume> volumes;
    std::map<TrashId, TrashWork> trash;
};

// The part of the World that is `node`'s. Instances that have not changed since `previous` share
// its values. The version is previous.version + 1.
Assignment assign(const World& world, const NodeId& node, const Assignment& previous);

}  // namespace moln::node
