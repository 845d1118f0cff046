// Runs a program of the host and waits for it: how drivers call crun, skopeo, mmdebstrap.
// Not for instances. Arguments are passed as they are (no shell); the environment is exactly `env`
// plus PATH; stdin is /dev/null; the child dies with the caller's thread's process.
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/units.h"

namespace moln {

struct ChildSpec {
    std::vector<std::string> argv;      // argv[0] is looked up in PATH
    std::vector<std::string> env = {};  // "NAME=value"
    std::string directory = "/";
    Milliseconds time_limit = minutes(5);
    std::function<void(std::string)> line =
        {};  // each output line as it comes; null: collected only
    const std::atomic<bool>* cancelled = nullptr;
    bool new_mount_namespace = false;  // private copy of the mounts, for crun on hybrid cgroups
    std::function<Status()> before_exec =
        {};  // in the child, after fork; only async-signal-safe work
};

struct ChildResult {
    int exit_code = 0;   // 128 + signal if a signal ended it
    std::string output;  // the last 64 KiB of stdout and stderr
};

// An Error only if the program could not be run (`not_found` names the Debian package idea:
// "crun is not installed"), timed out (killed with its whole session) or was cancelled.
Result<ChildResult> run_child(const ChildSpec& spec);

// As run_child, but a non-zero exit is ErrorCode::internal with the last output lines.
Result<std::string> run_child_ok(const ChildSpec& spec);

}  // namespace moln
