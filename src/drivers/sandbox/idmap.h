// Mounts whose owners are seen through a user namespace: files stay unshifted on disk, a file of
// uid 1000 is uid_base + 1000 to the host and 1000 to the instance. Linux 5.12 for ext4, xfs and
// btrfs (5.15); as a layer of an overlay since 5.19 (kernel: fs/overlayfs, "idmapped layers").
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "base/result.h"
#include "io/file/fd.h"

namespace moln {

inline constexpr std::int64_t k_uids_per_instance = 65'536;

struct IdmappedMount {
    std::string from;  // folder
    std::string to;    // folder that exists
    std::int64_t uid_base = 0;
    bool read_only = false;
};

class IdMaps {
public:
    // Mounts `from` on `to`. From any thread.
    Status mount(const IdmappedMount& what);

private:
    Result<int> user_namespace(std::int64_t uid_base);

    std::mutex mutex_;
    std::map<std::int64_t, Fd> namespaces_;  // by uid_base; as many as apps on the node
};

}  // namespace moln
