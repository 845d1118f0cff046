// The root file system of an instance: an overlay of read-only layers and its own writable one,
// at a mount point that outlives us. Owners are mapped, see idmap.h.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "drivers/sandbox/idmap.h"
#include "drivers/sandbox/oci_config.h"
#include "drivers/sandbox/paths.h"
#include "io/file/tree.h"
#include "ports/sandboxes.h"

namespace moln {

// What an instance may write outside of its volumes, /tmp included: past it writing fails with
// ENOSPC. Held by a file system of its own on a loop device; where there is none it is not held.
inline constexpr Bytes k_writable_layer_bytes = gib(4);  // unless SandboxOptions say otherwise

struct RootFsInput {
    InstanceId instance;
    ImageRef image;
    std::int64_t uid_base = 0;
};

class RootFiles {
public:
    RootFiles(SandboxPaths paths, Bytes layer_bytes)
        : paths_(std::move(paths)), layer_bytes_(layer_bytes) {}

    // Mounts it unless it is mounted. What the writable layer holds is kept.
    Status mount(const RootFsInput& input);
    // Binds that go with it: /usr of the host for the host's platform, /tmp and /var/tmp.
    std::vector<OciBind> binds(const RootFsInput& input) const;
    Status mount_volume(const InstanceId& instance, std::size_t index, const std::string& folder,
                        std::int64_t uid_base);
    // Takes all mounts of the instance away. Ok if there are none.
    Status unmount_all(const InstanceId& instance) const;

    // Bytes in files that the instance wrote outside of volumes and /tmp; files 0: nothing.
    Result<TreeSize> written(const InstanceId& instance) const;
    // To the trash folder by one rename, once unmounted. Ok if it is there already.
    Status move_writable_layer(const InstanceId& instance, const std::string& trash) const;

    // Uid, groups and home of `user` ("", "1000", "33:33", "www-data") in the mounted root.
    Result<SandboxUser> find_user(const InstanceId& instance, const std::string& user) const;

    // Now and then: removes what the host's /etc looked like at other times, unless an instance
    // stands on it.
    Status drop_unused() const;

private:
    Result<std::vector<std::string>> layers(const RootFsInput& input);
    Status make_writable_layer(const RootFsInput& input) const;
    Status mount_writable_layer(const InstanceId& instance) const;
    Result<std::string> layer_template() const;

    const SandboxPaths paths_;
    const Bytes layer_bytes_;
    IdMaps id_maps_;
};

inline constexpr const char* k_host_platform = "host";

}  // namespace moln
