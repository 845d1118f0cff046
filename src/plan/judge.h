// What is to be thought of one instance, from its assignment and what is seen. Pure questions; the
// rules that act on the answers are rollout.cc, drain.cc and their kin.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "plan/scope.h"

namespace moln::plan {

// A release whose instance has ended by itself this often while it was to be proved has failed.
inline constexpr std::int64_t k_crashes_max = 3;
// The node repeats what failed: only what still fails this long after the order counts.
inline constexpr Milliseconds k_failing_max = seconds(10);
// A worker has nothing to ask whether it is well: being up this long is its proof.
inline constexpr Milliseconds k_worker_proof = seconds(5);

// Is to be running (or is made ready to), as opposed to on its way out.
bool lives(const Member& member);
// A service instance of the wanted release and the last restart: no other is kept.
bool is_current(const AppScope& scope, const Member& member);
// A living service instance that a current one is to replace.
bool is_outdated(const AppScope& scope, const Member& member);

bool is_running(const Member& member);
// Nothing of it runs, and the node knows that nothing of it is to run again.
bool is_over(const Member& member);
std::int64_t crashes(const Member& member);
// It could not be prepared or started. Gives when that counts, if it has failed at all.
std::optional<SteadyTime> failed_at(const Member& member);

// Proved: a web instance that the edge finds healthy, a worker that has been up for a while.
bool is_ready(const Member& member, const ProcessSpec& process, WallTime now);
// When it would be proved by time alone, if it is running and not yet proved.
std::optional<WallTime> ready_at(const Member& member, const ProcessSpec& process);

// No request or connection is left on it, as far as every edge knows, nor will a new one come.
bool is_idle(const Sight& sight, const Member& member, const EdgeSnapshot& decided);

struct Verdict {
    std::optional<std::string> failed;       // why, in words for users
    std::optional<Milliseconds> look_again;  // time alone may make it fail after that
};
// Of an instance that is to prove its release.
Verdict judge_start(const Sight& sight, const Member& member, const ProcessSpec& process,
                    const HealthSpec& health, const Now& now);

}  // namespace moln::plan
