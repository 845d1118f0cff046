// Where things lie below the data directory: the one place that knows. All on one file system, so
// that moving to and from the trash is a rename. 0700, root's.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/id.h"

namespace moln {

// Beside an instance's log: a second name of it, which keeps it when its monitor begins another,
// and the one before. All three may be there, in the order of their lines .1, .held, the log.
inline constexpr std::string_view k_log_held = ".held";
inline constexpr std::string_view k_log_before = ".1";

struct DataDir {
    std::string root;

    std::string store_file() const { return root + "/store/moln.db"; }
    std::string store_reserve() const { return root + "/store/reserve"; }
    std::string seal_key_file() const { return root + "/store/seal.key"; }
    std::string lock_file() const { return root + "/daemon.lock"; }
    std::string run() const {
        return root + "/run";
    }  // sockets, pid files, bundles; rebuilt after a reboot
    std::string api_socket() const { return run() + "/api.sock"; }
    // Of the edge's processes, by number; the highest is the newest.
    std::string edge_run() const { return run() + "/edge"; }
    std::string edge_socket(std::int64_t process) const {
        return edge_run() + "/" + std::to_string(process) + ".sock";
    }
    std::string edge_lock(std::int64_t process) const {
        return edge_run() + "/" + std::to_string(process) + ".lock";
    }
    std::string edge_state() const { return root + "/edge"; }
    std::string edge_cache() const { return edge_state() + "/cache"; }
    std::string access_log() const { return edge_state() + "/access.log"; }
    std::string sites() const { return root + "/sites"; }
    std::string layers() const { return root + "/images/layers"; }
    std::string platforms() const { return root + "/platforms"; }
    std::string build_cache() const { return root + "/cache/build"; }
    std::string builds() const { return root + "/builds"; }
    std::string uploads() const { return root + "/uploads"; }
    std::string instance(const InstanceId& id) const { return root + "/instances/" + id.text; }
    std::string instances() const { return root + "/instances"; }
    std::string volumes() const { return root + "/volumes"; }
    std::string volume(const VolumeId& id) const { return volumes() + "/" + id.text; }
    // <app project>/<app name>/<instance>.log, and those beside it.
    std::string logs() const { return root + "/logs"; }
    std::string trash_root() const { return root + "/trash"; }
    std::string trash(const TrashId& id) const { return trash_root() + "/" + id.text; }
};

}  // namespace moln
