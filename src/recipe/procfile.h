// Procfile: "name: command" a line, as on Heroku. Comments (#) and empty lines are skipped. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace moln {

struct ProcfileEntry {
    std::string name;
    std::string command;  // for a shell
    int line = 0;
    friend bool operator==(const ProcfileEntry&, const ProcfileEntry&) = default;
};

// In the order of the lines. ErrorCode::invalid tells everything wrong (at most k_problems_max),
// a line each: "Procfile:2: expected \"name: command\", found …".
Result<std::vector<ProcfileEntry>> parse_procfile(std::string_view text);

}  // namespace moln
