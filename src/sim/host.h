// The truth on the simulated machine, which outlives every daemon: sandboxes and what runs in
// them, the bytes of volumes, layers and trash. The fakes in fake_drivers.h are the daemon's view.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>

#include "ports/sandboxes.h"
#include "sim/faults.h"
#include "sim/story.h"
#include "sim/timeline.h"

namespace moln::sim {

class Checkers;

// How what runs in an instance behaves; the name is in its image's digest.
enum class Temper {
    good,
    slow,      // takes long to listen
    deaf,      // never listens
    exiting,   // ends at once
    frail,     // dies every few minutes
    stubborn,  // ignores the stop signal
};
BOOST_DESCRIBE_ENUM(Temper, good, slow, deaf, exiting, frail, stubborn)

struct HostSandbox {
    SandboxSpec spec;
    bool whole = false;  // prepare() came to its end
    InstancePhase phase = InstancePhase::absent;
    std::int64_t pid = 0;
    WallTime started;
    std::optional<InstanceExit> exit;
    bool signalled = false;
    bool listening = false;
    std::int64_t life = 0;  // counts starts: events of an earlier life are void
    std::string layer;      // what it wrote outside its volumes, "" nothing
};

struct HostTrash {
    std::string layer;
    std::map<VolumeId, std::string> volumes;
    std::set<std::string> image_layers;
};

class Host {
public:
    Host(Timeline& time, Random& chance, Faults& trouble, Story& told, Checkers& watchers)
        : timeline(time), random(chance), faults(trouble), story(told), checkers(watchers) {}

    Timeline& timeline;
    Random& random;
    Faults& faults;
    Story& story;
    Checkers& checkers;

    std::map<InstanceId, HostSandbox> sandboxes;
    std::map<VolumeId, std::string> volumes;  // to their bytes, told apart by a token
    std::map<TrashId, HostTrash> trash;
    std::set<std::string> image_layers;
    std::map<std::string, std::string> extracted;  // folder to what extract() copied there

    std::function<void(InstanceId)> tell_exit;        // the daemon's, while it lives
    std::function<void(const InstanceId&)> on_ended;  // the edge sees connections break

    void start(HostSandbox& sandbox);
    void stop_signal(HostSandbox& sandbox);
    // Ends it now: by itself with an exit code, or by a signal of that number.
    enum class End { itself, by_signal };
    void end(const InstanceId& instance, End how, int number);
    // A running instance dies for no reason of ours.
    void kill_one_at_random();

    bool listens(const InstanceId& instance) const;
    std::string fresh_token() { return "bytes-" + std::to_string(++tokens_); }

private:
    void later(const HostSandbox& sandbox, Milliseconds delay,
               std::function<void(HostSandbox&)> what);
    void live(HostSandbox& sandbox);

    std::int64_t tokens_ = 0;
    std::int64_t pids_ = 1'000;
};

Temper temper_of(const SandboxSpec& spec);

}  // namespace moln::sim
