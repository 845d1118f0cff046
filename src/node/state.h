// What the agent knows of its node, and how that changes when an action begins, when it is done
// and when something is noticed. Pure: the driver's words come in as values.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/observed.h"
#include "node/action.h"
#include "node/backoff.h"

namespace moln::node {

// A sandbox as its driver saw it at one moment.
struct Sight {
    InstanceId instance;
    std::int64_t generation = 0;                  // of the assignment it was prepared for
    InstancePhase phase = InstancePhase::absent;  // absent, prepared, running or ended
    std::string address;
    std::int64_t pid = 0;
    WallTime started;
    std::optional<InstanceExit> exit;
    bool signalled = false;
};

struct SandboxState {
    Sight sight;
    bool busy = false;     // an action of it is under way
    bool looking = false;  // an inspection is under way: `sight` may be wrong
    bool stale = false;    // something happened since `sight`: look again before anything else
    InstancePhase doing = InstancePhase::absent;  // preparing or running: that is under way
    std::int64_t signalled_for = 0;               // generation that the stop signal was sent for
    std::int64_t restarts = 0;
    MonoTime up_since;
    Backoff restart;        // after it ended by itself
    Backoff trouble;        // after a driver call failed
    bool hopeless = false;  // the last error was not one that passes by itself
    std::string reason;
    std::optional<TrashId> removed_to;  // goal remove is done
    Bytes removed_bytes;
    // Usage, as last polled.
    Bytes memory;
    std::int64_t cpu_used_us = 0;
    std::int64_t oom_kills = 0;
};

struct VolumeState {
    bool busy = false;
    bool settled = false;   // its bytes are in place
    bool outdated = false;  // what is under way belongs to a life that is over: settles nothing
    Bytes used;
    Backoff trouble;
    std::string reason;
};

struct TrashState {
    bool busy = false;
    std::optional<Bytes> settled;  // its bytes lie in the trash
    bool purged = false;
    bool restored = false;  // image layers are back
    Backoff trouble;
};

struct State {
    std::map<InstanceId, SandboxState> sandboxes;
    std::map<VolumeId, VolumeState> volumes;
    std::map<TrashId, TrashState> trash;
};

// What a driver call came to. `sight` is what an inspection right after it saw, if that worked;
// for sandboxes it is the truth, whatever the status says: an error may come after the effect.
struct Outcome {
    Status status;
    std::optional<Sight> sight;
    Bytes bytes;  // of remove and the moves to the trash
};

// What was found when the daemon started. Sandboxes that ended meanwhile may start at once.
State recovered(const std::vector<Sight>& sandboxes, const std::map<VolumeId, Bytes>& volumes,
                MonoTime now);

void begun(State& state, const Action& action);
void done(State& state, const Action& action, const Outcome& outcome, MonoTime now);

// Something happened to a sandbox (its process ended, usage() failed): it will be inspected.
void noticed(State& state, const InstanceId& instance);

// Forgets what is assigned no more and is not there, and settlements that belong to an earlier
// life of a volume or trash item. Called with every new assignment.
void assigned(State& state, const Assignment& before, const Assignment& now);

}  // namespace moln::node
