#include "io/host/machine_lock.h"

#include <fmt/format.h>

#include "io/file/files.h"

namespace moln {
namespace {

std::string owner_file(const std::string& run_folder) {
    return run_folder + "/data-directory";
}

}  // namespace

std::string data_of_machine(const std::string& run_folder) {
    auto path = read_file(owner_file(run_folder), 4096 + 1);
    if (!path) return "";
    while (path->ends_with('\n')) path->pop_back();
    return path_exists(*path) ? *path : "";
}

Result<FileLock> lock_machine(const std::string& run_folder, const std::string& data,
                              const std::function<bool()>& instances_run) {
    MOLN_TRY(make_folders(run_folder, 0711));
    auto lock = lock_file(run_folder + "/node.lock", "this machine");
    const auto owner = data_of_machine(run_folder);
    if (!lock) {
        if (lock.error().code != ErrorCode::refused) return lock;
        return fail(
            ErrorCode::refused,
            fmt::format("{}, a node with its data in {}. One machine is one node: deploy to "
                        "that one, or end it with `moln down --data {}` first",
                        lock.error().reason, owner, owner));
    }
    if (!owner.empty() && owner != data && instances_run()) {
        return fail(ErrorCode::refused,
                    fmt::format("instances of the node with its data in {0} run on this machine, "
                                "without their daemon. One machine is one node: take them up again "
                                "with `moln up --data {0}`, where Ctrl-C or `moln down` ends them",
                                owner));
    }
    MOLN_TRY(write_file(owner_file(run_folder), data + "\n", 0644, Durability::unsynced));
    return lock;
}

}  // namespace moln
