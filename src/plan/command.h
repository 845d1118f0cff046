// A user's command as a small total function: what it changes, or why it is refused. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/units.h"
#include "model/change.h"
#include "model/command.h"

namespace moln::plan {

struct Outcome {
    Changes changes;
    CommandReply reply;
    std::vector<std::string> effects;  // for --dry-run: what would happen and what it would drop
};

// Errors: not_found (no such app, release, volume, trash), exists, conflict (generation moved on),
// refused (limits, state), invalid (values). Nothing is changed on error.
Result<Outcome> decide(const World& world, const Command& command, const Expected& expected,
                       Now now, std::uint64_t seed);

}  // namespace moln::plan
