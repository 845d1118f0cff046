// The monitor of an instance: conmon, one small process that outlives us. It keeps the instance's
// output (log, terminal), reaps its first process and writes down how that ended.
#pragma once

#include <optional>
#include <string>

#include <sys/types.h>

#include "base/id.h"
#include "base/result.h"
#include "base/units.h"
#include "drivers/sandbox/cgroup.h"
#include "drivers/sandbox/paths.h"
#include "drivers/sandbox/runtime.h"
#include "model/observed.h"

namespace moln {

struct MonitorSpec {
    InstanceId instance;
    AppId app;
    bool terminal = false;
    bool keep_stdin = false;
};

class Monitors {
public:
    Monitors(SandboxPaths paths, const Cgroups& cgroups)
        : paths_(std::move(paths)), cgroups_(cgroups) {}

    // Makes a monitor, which creates the instance in its cgroup, not started yet. Returns the pid
    // of its first process. The monitor itself ends up in the group of monitors.
    Result<pid_t> create(const MonitorSpec& spec, const OciRuntime& runtime) const;

    // Pid of the monitor if it runs (a file of that pid alone proves nothing: pids are reused).
    std::optional<pid_t> running(const InstanceId& instance) const;
    // Pid of the instance's first process if it runs.
    std::optional<pid_t> instance_pid(const InstanceId& instance) const;
    // How the first process ended, once the monitor has written it. Without out_of_memory.
    std::optional<InstanceExit> exit_of(const InstanceId& instance) const;

    // Keeps an instance's logs within k_log_bytes_per_instance, and the last two thirds of that or
    // less if it is called before the monitor has filled a third of it.
    Status rotate_log(const AppId& app, const InstanceId& instance) const;
    // Sets the size of the terminal.
    Status resize(const InstanceId& instance, int columns, int rows) const;
    // True once for every start of it.
    bool is_first_attached(const InstanceId& instance) const;
    // The socket that carries the terminal or the standard streams, conmon's protocol.
    std::string attach_socket(const InstanceId& instance) const;

    // Forgets what is kept of it; an ended monitor's files.
    Status forget(const InstanceId& instance) const;

private:
    Status control(const InstanceId& instance, const std::string& words) const;

    const SandboxPaths paths_;
    const Cgroups& cgroups_;
};

}  // namespace moln
