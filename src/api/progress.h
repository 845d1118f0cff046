// How far an app is from what was asked: the pure half of waiting for a deploy, a restart, a scale.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "model/command.h"
#include "model/views.h"
#include "model/world.h"

namespace moln::api {

enum class ProgressState {
    going_on,
    settled,
    failed,      // `reason` says why; `failing` is the instance to look at, if one is known
    superseded,  // another change of the release came after
};

struct Progress {
    ProgressState state = ProgressState::going_on;
    std::string summary;  // "web 1 of 3 ready, worker 1 of 1 ready"
    std::string reason;
    InstanceId failing;
    std::map<InstanceId, std::string> instances;  // of the wanted release: "web-7f3k2m: starting"
    std::set<InstanceId> ready;                   // of these: what does not have to be told
};

// A restart or a scale has no roll-back of its own: an instance that was started this often in vain
// has failed it.
inline constexpr std::int64_t k_restarts_until_failed = 3;

// `release` is the one that was wanted when the waiting began.
Progress progress_of(const World& world, const App& app, std::int64_t release);

// What a command makes end: a whole app, or one instance.
struct Departure {
    AppId app;
    AppRun run = AppRun::stopped;
    InstanceId instance;  // "": all of the app's
};

// None for commands that make nothing end.
std::optional<Departure> departure_by(const Command& command);

// Settled when nothing of it runs any more; a removed app, when it is gone.
Progress progress_of(const World& world, const Departure& departure);

// Whether it changes nothing but what edges do with requests: then it is done once they know,
// whatever becomes of the app's instances. Maintenance is for apps whose instances crash.
bool concerns_edges_alone(const Command& command);

enum class Planned { no, yes };  // what the command changed is in the snapshot of the edges
// Settled when every edge that is heard follows the snapshot.
Progress progress_of(const World& world, Planned planned);

}  // namespace moln::api
