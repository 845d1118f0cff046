// What a node sees of its instances: reported by the agent, kept in memory by the leader.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/id.h"
#include "base/units.h"
#include "model/codec.h"

namespace moln {

enum class InstancePhase {
    absent,     // nothing of it on the node
    preparing,  // root file system, network, volumes
    prepared,   // all there, not started
    running,
    backing_off,  // ended by itself and waits before the next start
    ended,        // ended and will not be started again
    stopping,     // stop signal sent, has not ended yet
    failed,       // could not be prepared or started; see reason
};
BOOST_DESCRIBE_ENUM(InstancePhase, absent, preparing, prepared, running, backing_off, ended,
                    stopping, failed)

struct InstanceExit {
    int code = 0;    // exit status, if signal is 0
    int signal = 0;  // that ended it
    bool out_of_memory = false;
    WallTime at;
    friend bool operator==(const InstanceExit&, const InstanceExit&) = default;
};
BOOST_DESCRIBE_STRUCT(InstanceExit, (), (code, signal, out_of_memory, at))

struct InstanceSeen {
    InstanceId id;
    InstancePhase phase = InstancePhase::absent;
    std::int64_t generation = 0;  // of the assignment that was last acted upon
    std::string address;          // IPv4
    std::int64_t pid = 0;
    WallTime started;
    std::int64_t restarts = 0;  // times it was started again after ending by itself
    std::optional<InstanceExit> last_exit;
    std::string reason;  // of failed or backing_off, for the user
    // Usage, for top; refreshed every second while running.
    Bytes memory;
    std::int64_t cpu_used_us = 0;
    std::int64_t oom_kills = 0;
    friend bool operator==(const InstanceSeen&, const InstanceSeen&) = default;
};
BOOST_DESCRIBE_STRUCT(InstanceSeen, (),
                      (id, phase, generation, address, pid, started, restarts, last_exit, reason,
                       memory, cpu_used_us, oom_kills))

}  // namespace moln
