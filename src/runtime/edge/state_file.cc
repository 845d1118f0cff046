#include "runtime/edge/state_file.h"

#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

#include "edge/limits.h"
#include "io/file/files.h"

namespace moln::edge_loop {
namespace {

constexpr const char* k_snapshot_name = "snapshot.json";

}  // namespace

Result<FileLock> lock_state(const std::string& dir) {
    auto lock = lock_file(dir + "/lock", "the state directory " + dir);
    if (lock || lock.error().code != ErrorCode::refused) return lock;
    return fail(ErrorCode::refused,
                lock.error().reason + ": stop that edge or choose another directory");
}

Status save_snapshot(const Folder& dir, const EdgeSnapshot& snapshot) {
    const auto fresh = std::string(k_snapshot_name) + ".new";
    MOLN_ASSIGN(const auto fd, dir.open_file(fresh, O_WRONLY | O_CREAT | O_TRUNC, 0600));
    MOLN_TRY(write_all(fd, to_json_text(snapshot), dir.path_of(fresh)));
    if (fsync(fd.get()) != 0) return fail(error_from_errno(errno, "sync " + dir.path_of(fresh)));
    MOLN_TRY(dir.rename(fresh, k_snapshot_name));
    return dir.sync();
}

Result<std::optional<EdgeSnapshot>> load_snapshot(const std::string& dir) {
    const std::string path = dir + "/" + k_snapshot_name;
    const auto text = read_file(path, edge::k_snapshot_bytes_max);
    if (!text) {
        if (text.error().code == ErrorCode::not_found) return std::nullopt;
        if (text.error().code == ErrorCode::refused) {
            return fail(ErrorCode::corrupt, path + ": is too long for a snapshot");
        }
        return fail(text.error());
    }
    const auto value = parse_json(*text, edge::k_snapshot_bytes_max);
    if (!value) return fail(ErrorCode::corrupt, path + ": " + value.error().reason);
    auto snapshot = from_json<EdgeSnapshot>(*value, UnknownFields::ignore);
    if (!snapshot) return fail(ErrorCode::corrupt, path + ": " + snapshot.error().reason);
    return std::move(*snapshot);
}

}  // namespace moln::edge_loop
