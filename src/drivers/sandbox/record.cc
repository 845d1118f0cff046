#include "drivers/sandbox/record.h"

namespace moln {

SandboxRecord record_of(const SandboxSpec& spec) {
    SandboxRecord record{.instance = spec.instance,
                         .app = spec.app,
                         .generation = spec.generation,
                         .image = spec.image,
                         .uid_base = spec.uid_base,
                         .memory = spec.memory,
                         .cpu_millis = spec.cpu_millis,
                         .pids = spec.pids,
                         .network = spec.network,
                         .address_slot = spec.address_slot,
                         .volumes = {},
                         .terminal = spec.terminal,
                         .open_input = spec.open_input};
    for (const auto& mount : spec.mounts) record.volumes.push_back(mount.volume);
    return record;
}

}  // namespace moln
