// What the edge gives up once it has what it needs: its user, new privileges, system calls.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "base/result.h"

namespace moln::edge_loop {

struct Identity {
    std::optional<uid_t> uid;
    std::optional<gid_t> gid;
};

// Gives `paths` that exist to the identity, drops supplementary groups and becomes it for good.
// Without a uid and gid only PR_SET_NO_NEW_PRIVS is set.
Status drop_privileges(const Identity& identity, const std::vector<std::string>& paths);

// Only the system calls that a running edge makes, for all threads. Others fail with EPERM
// instead of killing: a libc that tries a new call first falls back, and clients stay served.
Status restrict_system_calls();

// As many descriptors as the host lets us have; returns that number.
std::uint64_t raise_descriptor_limit();

}  // namespace moln::edge_loop
