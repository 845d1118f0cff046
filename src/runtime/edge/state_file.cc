#include "runtime/edge/state_file.h"

#include <cerrno>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include "edge/limits.h"

namespace moln::edge_loop {
namespace {

constexpr const char* k_snapshot_name = "snapshot.json";

Status write_all(int fd, std::string_view text, const std::string& path) {
    while (!text.empty()) {
        const auto put = ::write(fd, text.data(), text.size());
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return fail(error_from_errno(errno, "write " + path));
        text.remove_prefix(static_cast<std::size_t>(put));
    }
    return {};
}

}  // namespace

Result<net::Fd> lock_state(const std::string& dir) {
    const std::string path = dir + "/lock";
    net::Fd fd(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!fd.open()) return fail(error_from_errno(errno, "open " + path));
    if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
        char text[32] = "";
        const auto got = pread(fd.get(), text, sizeof text - 1, 0);
        const std::string_view pid(text, static_cast<std::size_t>(got > 0 ? got : 0));
        return fail(ErrorCode::refused,
                    fmt::format("state directory {}: another edge (process {}) uses it; stop that "
                                "one or choose another directory",
                                dir, pid));
    }
    const std::string pid = std::to_string(getpid());
    if (ftruncate(fd.get(), 0) != 0) return fail(error_from_errno(errno, "write " + path));
    MOLN_TRY(write_all(fd.get(), pid, path));
    return fd;
}

Status save_snapshot(const Folder& dir, const EdgeSnapshot& snapshot) {
    const auto fresh = std::string(k_snapshot_name) + ".new";
    MOLN_ASSIGN(const auto fd, dir.open_file(fresh, O_WRONLY | O_CREAT | O_TRUNC, 0600));
    MOLN_TRY(write_all(fd.get(), to_json_text(snapshot), dir.path_of(fresh)));
    if (fsync(fd.get()) != 0) return fail(error_from_errno(errno, "sync " + dir.path_of(fresh)));
    MOLN_TRY(dir.rename(fresh, k_snapshot_name));
    return dir.sync();
}

Result<std::optional<EdgeSnapshot>> load_snapshot(const std::string& dir) {
    const std::string path = dir + "/" + k_snapshot_name;
    const net::Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd.open()) {
        if (errno == ENOENT) return std::nullopt;
        return fail(error_from_errno(errno, "open " + path));
    }
    std::string text;
    char part[16 * 1024];
    for (;;) {
        const auto got = ::read(fd.get(), part, sizeof part);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail(error_from_errno(errno, "read " + path));
        if (got == 0) break;
        text.append(part, static_cast<std::size_t>(got));
        if (text.size() > edge::k_snapshot_bytes_max) {
            return fail(ErrorCode::corrupt, path + ": is too long for a snapshot");
        }
    }
    const auto value = parse_json(text, edge::k_snapshot_bytes_max);
    if (!value) return fail(ErrorCode::corrupt, path + ": " + value.error().reason);
    auto snapshot = from_json<EdgeSnapshot>(*value, UnknownFields::ignore);
    if (!snapshot) return fail(ErrorCode::corrupt, path + ": " + snapshot.error().reason);
    return std::move(*snapshot);
}

}  // namespace moln::edge_loop
