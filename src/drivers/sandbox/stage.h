// All that must stand before a sandbox can run: root file system, names, network, volumes, cgroup
// and the OCI bundle. Each part idempotent, so that the whole can be made again after a crash in
// it, and made anew from the record after a reboot.
#pragma once

#include "drivers/network/networks.h"
#include "drivers/sandbox/cgroup.h"
#include "drivers/sandbox/oci_config.h"
#include "drivers/sandbox/paths.h"
#include "drivers/sandbox/record.h"
#include "drivers/sandbox/root_fs.h"
#include "drivers/sandbox/seccomp_filter.h"

namespace moln {

struct StageOptions {
    std::string init_program;  // see SandboxOptions
    Bytes layer_bytes;
};

class SandboxStage {
public:
    SandboxStage(SandboxPaths paths, Networks& networks, Cgroups& cgroups, StageOptions options)
        : paths_(std::move(paths)),
          networks_(networks),
          cgroups_(cgroups),
          init_program_(std::move(options.init_program)),
          root_files_(paths_, options.layer_bytes) {}

    // What the kernel holds: mounts, network. From the record alone.
    Status raise(const SandboxRecord& record);
    // The bundle, with `folders` of the host mapped like volumes. After raise().
    Status write_bundle(const SandboxSpec& spec, const std::vector<OciBind>& folders = {});
    // Once the runtime has created it: what of that makes the next one faster.
    void learn(const InstanceId& instance) {
        filter_.learn(paths_.runtime_state() + "/" + instance.text + "/seccomp.bpf");
    }
    // A fresh cgroup; what was in the old one is killed.
    Status fresh_cgroup(const SandboxRecord& record);
    // Takes down what raise() and fresh_cgroup() made. The writable layer stays.
    Status take_down(const InstanceId& instance);

    // See RootFiles.
    Result<TreeSize> written(const InstanceId& id) const { return root_files_.written(id); }
    Status move_writable_layer(const InstanceId& id, const std::string& trash) const {
        return root_files_.move_writable_layer(id, trash);
    }

    Status drop_unused() const { return root_files_.drop_unused(); }

    Result<Subnet> subnet(const SandboxRecord& record) const;

private:
    Status write_names(const SandboxRecord& record) const;
    Status mount_volumes(const SandboxRecord& record);
    Status give_new_volumes(const SandboxSpec& spec, const SandboxUser& user) const;

    const SandboxPaths paths_;
    Networks& networks_;
    Cgroups& cgroups_;
    const std::string init_program_;
    RootFiles root_files_;
    SeccompFilter filter_;
};

}  // namespace moln
