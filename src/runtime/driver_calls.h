// One action of the node's plan as calls of the drivers, and their answers as values. Blocking.
#pragma once

#include "node/action.h"
#include "node/state.h"
#include "ports/host_services.h"
#include "ports/images.h"
#include "ports/sandboxes.h"
#include "ports/volumes.h"

namespace moln {

node::Sight sight_of(const SandboxSeen& seen);

// All that the instance is made from, with its secrets opened; the error names the secret.
Result<SandboxSpec> sandbox_spec(const node::InstanceWork& work, HostServices& host);

// With an error for a spec nothing is done and the error is the outcome.
node::Outcome prepare_sandbox(Sandboxes& sandboxes, const InstanceId& instance,
                              const Result<SandboxSpec>& spec);

// Every call about a sandbox is followed by a look at it: what is seen counts, an answer may lie.
struct DriverCall {
    Sandboxes& sandboxes;
    Volumes& volumes;
    Images& images;

    node::Outcome run(const node::Action& action) const;
};

}  // namespace moln
