#include "drivers/sandbox/host.h"

#include "io/file/files.h"

namespace moln {

SandboxHost::SandboxHost(const SandboxOptions& options)
    : paths(sandbox_paths(options.data, options.run_folder)),
      cgroups(options.cgroup_root, options.cgroup_parent),
      networks(options.data, options.firewall),
      stage(paths, networks, cgroups,
            {.init_program = options.init_program, .layer_bytes = options.layer_bytes}),
      monitors(paths, cgroups),
      init_program_(options.init_program) {}

Status SandboxHost::set_up() {
    const std::lock_guard lock(mutex_);
    if (runtime_) return {};
    for (const auto& folder :
         {paths.data.instances(), paths.data.run(), paths.data.trash_root(), paths.data.logs()}) {
        MOLN_TRY(make_folders(folder, 0700));
    }
    MOLN_TRY(make_folders(paths.run_root + "/i", 0711));
    for (const auto& folder : {paths.exits(), paths.sockets()}) {
        MOLN_TRY(make_folders(folder, 0700));
    }
    MOLN_TRY(cgroups.set_up());
    MOLN_TRY(networks.set_up());
    MOLN_ASSIGN(runtime_, OciRuntime::find(paths, cgroups, init_program_));
    return {};
}

bool SandboxHost::runtime_waits(const InstanceId& instance) const {
    // crun and runc alike: the fifo that "start" opens and then removes.
    return path_exists(paths.runtime_state() + "/" + instance.text + "/exec.fifo");
}

}  // namespace moln
