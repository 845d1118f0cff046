// A command that runs once in a capped sandbox over a folder and ends: how builds run. Not an
// instance: it has no address in the edge, no volumes and no life after the call.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/units.h"
#include "model/observed.h"
#include "model/resources.h"

namespace moln {

struct OneShotSpec {
    std::string name;    // unique; names the sandbox, its cgroup and its leftovers after a crash
    ImageRef image;      // read-only root file system
    std::string folder;  // host folder, mounted read-write at `folder_inside`, owned by its user
    std::string folder_inside = "/app";
    std::string
        cache_folder;  // host folder mounted at /cache, "" is none: package managers' caches
    std::string settings_folder;  // host folder mounted read-only at `settings_inside`, "" is none
    std::string settings_inside;
    std::vector<std::string> command;
    std::map<std::string, std::string> env;
    std::int64_t uid_base = 0;  // 65,536 host uids of its own
    Bytes memory = gib(2);
    std::int64_t cpu_millis = 2000;
    std::int64_t pids = 1024;
    Milliseconds time_limit = minutes(30);
    bool network = true;  // outgoing only, masqueraded, nothing of the host
};

class OneShots {
public:
    virtual ~OneShots() = default;
    // Blocks until the command has ended and nothing of it runs. Output (stdout and stderr) goes to
    // `line`, without the newline, lines longer than 8 KiB cut. ErrorCode::timeout past the limit,
    // `refused` with reason "cancelled" when *cancelled became true.
    virtual Result<InstanceExit> run(const OneShotSpec& spec,
                                     const std::function<void(std::string)>& line,
                                     const std::atomic<bool>* cancelled) = 0;
};

}  // namespace moln
