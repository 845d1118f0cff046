// The World sorted for deciding: each app with its release, its instances, what is seen of them and
// its volumes. Made once a plan, in one walk over the ordered maps. Borrows from World and Draft.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "plan/draft.h"

namespace moln::plan {

// What all edges together say of one endpoint.
struct EndpointSight {
    bool everywhere = false;                 // every edge has reported it
    bool healthy = false;                    // at least one connected edge gets good answers
    std::int64_t open = 0;                   // requests and tunnels begun and not finished
    const EndpointReport* report = nullptr;  // the first, for its reason
};

struct Member {
    const Instance* instance = nullptr;
    const InstanceSeen* seen = nullptr;  // null: its node has not reported it
    EndpointSight edge;
    bool deleted = false;  // by this plan
};

struct AppScope {
    AppId id;
    const App* app = nullptr;          // null: gone, its instances are on their way out
    const Release* wanted = nullptr;   // App::release
    const Release* serving = nullptr;  // what routes come from until a switch: App::release_served
    std::vector<Member> members;       // by instance id; those made by this plan come last
    std::vector<const Volume*> volumes;
    bool layers_missing = false;  // the wanted release's image is (partly) in the trash
};

// What holds for all apps.
struct Sight {
    bool edges_connected = false;   // all that are known, at least the own node's
    std::int64_t edges_acked = -1;  // lowest version that all edges have acknowledged, -1: unknown
};

struct Index {
    std::vector<AppScope> apps;  // by id
    Sight sight;
};

Index make_index(const Draft& draft);

// Of a TrashItem of kind image: the layer names that its bytes are.
std::vector<std::string> layers_of(const TrashItem& item);

// Number of instances asked for of a web or worker process: `moln scale` laid over the release.
std::int64_t asked_count(const App& app, const std::string& name, const ProcessSpec& process);

// The same, but one if it mounts an exclusive volume: commands refuse more, yet a release may come
// back by itself under a scale that was set for another.
std::int64_t wanted_count(const App& app, const AppConfig& config, const std::string& name);

// Does an instance of `process` mount it?
bool mounts(const VolumeSpec& spec, const std::string& process);

const ProcessSpec* find_process(const Release* release, const std::string& name);

}  // namespace moln::plan
