// The OCI runtime program: crun, on hybrid cgroup hosts crun in a mount namespace without the v2
// tree, or runc. Which works is found out by running something tiny. Cgroups are not its business
// (Cgroups makes them and what it starts is in them already), but runc insists on its own.
#pragma once

#include <string>
#include <vector>

#include "base/id.h"
#include "base/result.h"
#include "drivers/process/child.h"
#include "drivers/sandbox/cgroup.h"
#include "drivers/sandbox/paths.h"

namespace moln {

enum class RuntimeKind {
    crun,
    crun_without_v2,  // hybrid hosts: crun 1.8 refuses a v2 tree beside v1 ("drop all controllers")
    runc,
};

class OciRuntime {
public:
    // Probes; about 50 ms a candidate. `unavailable` if none works, with each one's last words.
    // `init_program`: see SandboxOptions.
    static Result<OciRuntime> find(const SandboxPaths& paths, const Cgroups& cgroups,
                                   const std::string& init_program);

    RuntimeKind kind() const { return kind_; }

    // What a monitor is told to call: program and the arguments before the verb.
    const std::string& program() const { return program_; }
    std::vector<std::string> global_arguments() const;

    Status start(const InstanceId& instance) const;
    // Forgets it, and kills what is left of it. Ok if it is not known.
    Status forget(const InstanceId& instance) const;
    // For any other verb ("exec"): the child that runs it.
    ChildSpec command(std::vector<std::string> arguments) const;

private:
    // With its state there instead of runtime_state().
    ChildSpec command_in(const std::string& state, std::vector<std::string> arguments) const;
    std::vector<std::string> arguments_for(const std::string& state) const;
    OciRuntime(RuntimeKind kind, const SandboxPaths& paths) : kind_(kind), paths_(paths) {}
    Status prepare(const std::string& init_program) const;
    Status probe() const;

    RuntimeKind kind_;
    SandboxPaths paths_;
    std::string program_;
};

}  // namespace moln
