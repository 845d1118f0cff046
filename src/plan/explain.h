// Why something failed, and what is about to happen, in sentences for people.
#pragma once

#include <string>

#include "plan/scope.h"

namespace moln::plan {

// "web exited with code 1, 3 times", "web needed more than its 512 MiB of memory, 3 times".
std::string crash_words(const Member& member, const ProcessSpec& process);

// "web listens on nothing at port 8080: the app must listen on $PORT".
std::string unhealthy_words(const Member& member, const ProcessSpec& process,
                            const HealthSpec& health);

// "exited with code 0", or "ended" if nobody saw how.
std::string end_words(const InstanceSeen* seen);

// "2 web, 1 worker": the instances that a release wants.
std::string wanted_words(const App& app, const Release& release);

}  // namespace moln::plan
