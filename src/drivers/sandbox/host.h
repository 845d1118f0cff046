// What all sandboxes of a node share: paths, cgroups, networks, the OCI runtime, monitors.
#pragma once

#include <mutex>
#include <optional>
#include <string>

#include "drivers/data_dir.h"
#include "drivers/network/networks.h"
#include "drivers/sandbox/cgroup.h"
#include "drivers/sandbox/monitor.h"
#include "drivers/sandbox/paths.h"
#include "drivers/sandbox/runtime.h"
#include "drivers/sandbox/stage.h"

namespace moln {

struct SandboxOptions {
    DataDir data;
    FirewallOptions firewall = {};
    std::string cgroup_root = "/sys/fs/cgroup";
    std::string cgroup_parent = "moln";
    Bytes layer_bytes = k_writable_layer_bytes;
    // moln-init, statically linked; "": the program itself is the first process of an instance.
    std::string init_program = {};
    std::string run_folder = k_run_folder;  // mount points
};

class SandboxHost {
public:
    explicit SandboxHost(const SandboxOptions& options);

    // Folders, cgroups, firewall, and which runtime works. Once; later calls give the first answer
    // if it was good.
    Status set_up();

    // True while an instance is created but its program was not yet let go.
    bool runtime_waits(const InstanceId& instance) const;

    // After set_up().
    const OciRuntime& runtime() const { return *runtime_; }

    const SandboxPaths paths;
    Cgroups cgroups;
    Networks networks;
    SandboxStage stage;
    Monitors monitors;

private:
    const std::string init_program_;
    std::mutex mutex_;
    std::optional<OciRuntime> runtime_;
};

}  // namespace moln
