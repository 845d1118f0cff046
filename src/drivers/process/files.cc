#include "drivers/process/files.h"

#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>

#include <fcntl.h>
#include <fts.h>
#include <sys/stat.h>
#include <unistd.h>

#include "drivers/process/fd.h"

namespace moln {
namespace {

Status write_all(const Fd& fd, std::string_view bytes, const std::string& path) {
    while (!bytes.empty()) {
        const ssize_t count = write(fd.get(), bytes.data(), bytes.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return fail(error_from_errno(errno, "write " + path));
        bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return {};
}

std::string folder_of(const std::string& path) {
    return std::filesystem::path(path).parent_path();
}

using Walk = std::unique_ptr<FTS, int (*)(FTS*)>;

Walk walk(const std::string& path) {
    std::string root = path;
    std::array<char*, 2> roots{root.data(), nullptr};
    return {fts_open(roots.data(), FTS_PHYSICAL | FTS_XDEV | FTS_NOCHDIR, nullptr), fts_close};
}

}  // namespace

bool path_exists(const std::string& path) {
    struct stat info{};
    return lstat(path.c_str(), &info) == 0;
}

Result<std::string> read_file(const std::string& path) {
    MOLN_ASSIGN(const Fd fd, open_fd(path, O_RDONLY));
    std::string out;
    std::array<char, 16 * 1024> buffer;
    while (true) {
        const ssize_t count = read(fd.get(), buffer.data(), buffer.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return fail(error_from_errno(errno, "read " + path));
        if (count == 0) return out;
        out.append(buffer.data(), static_cast<std::size_t>(count));
        if (out.size() > k_small_file_bytes_max) {
            return fail(ErrorCode::refused, path + " is larger than 8 MiB");
        }
    }
}

Status write_file(const std::string& path, std::string_view bytes, mode_t mode,
                  Durability durability) {
    const std::string beside = path + ".new";
    {
        (void)unlink(beside.c_str());
        MOLN_ASSIGN(const Fd fd, open_fd(beside, O_WRONLY | O_CREAT | O_EXCL, mode));
        // The mode is to be what was asked for, whatever the umask.
        if (fchmod(fd.get(), mode) != 0) return fail(error_from_errno(errno, "chmod " + beside));
        MOLN_TRY(write_all(fd, bytes, beside));
        if (durability == Durability::synced && fdatasync(fd.get()) != 0)
            return fail(error_from_errno(errno, "sync " + beside));
    }
    return rename_path(beside, path);
}

Status write_existing(const std::string& path, std::string_view bytes) {
    MOLN_ASSIGN(const Fd fd, open_fd(path, O_WRONLY));
    return write_all(fd, bytes, path);
}

Status make_folders(const std::string& path, mode_t mode) {
    if (mkdir(path.c_str(), mode) == 0) {
        if (chmod(path.c_str(), mode) != 0) return fail(error_from_errno(errno, "chmod " + path));
        return {};
    }
    if (errno == EEXIST) return {};
    if (errno != ENOENT || path.empty())
        return fail(error_from_errno(errno, "make folder " + path));
    MOLN_TRY(make_folders(folder_of(path), mode));
    return make_folders(path, mode);
}

Status remove_tree(const std::string& path) {
    if (!path_exists(path)) return {};
    const auto tree = walk(path);
    if (!tree) return fail(error_from_errno(errno, "remove " + path));
    dev_t device = 0;
    while (FTSENT* entry = fts_read(tree.get())) {
        if (entry->fts_level == 0 && entry->fts_info == FTS_D) device = entry->fts_dev;
        if (entry->fts_info == FTS_D) continue;
        const bool folder = entry->fts_info == FTS_DP || entry->fts_info == FTS_DNR;
        // FTS_XDEV does not descend into a mount, but names its root: nothing of it may go.
        if (folder && entry->fts_dev != device) {
            return fail(ErrorCode::refused, std::string("something is mounted at ") +
                                                entry->fts_path + ": unmount it first");
        }
        const int result = folder ? rmdir(entry->fts_accpath) : unlink(entry->fts_accpath);
        if (result != 0 && errno != ENOENT) {
            return fail(error_from_errno(errno, std::string("remove ") + entry->fts_path));
        }
    }
    return {};
}

Status remove_file(const std::string& path) {
    if (unlink(path.c_str()) != 0 && errno != ENOENT) {
        return fail(error_from_errno(errno, "remove " + path));
    }
    return {};
}

Status rename_path(const std::string& from, const std::string& to) {
    if (rename(from.c_str(), to.c_str()) != 0) {
        return fail(error_from_errno(errno, "rename " + from + " to " + to));
    }
    return {};
}

Status sync_folder(const std::string& folder) {
    MOLN_ASSIGN(const Fd fd, open_fd(folder, O_RDONLY | O_DIRECTORY));
    if (fsync(fd.get()) != 0) return fail(error_from_errno(errno, "sync " + folder));
    return {};
}

TreeSize tree_size(const std::string& path) {
    TreeSize size;
    const auto tree = walk(path);
    if (!tree) return size;
    constexpr std::int64_t k_stat_block = 512;  // st_blocks counts these, whatever the file system
    while (const FTSENT* entry = fts_read(tree.get())) {
        switch (entry->fts_info) {
            case FTS_D:  // comes again after what is in it
            case FTS_DNR:
            case FTS_ERR:
            case FTS_NS: continue;  // gone, or there is nothing at `path`
            case FTS_DP: break;
            default: ++size.files; break;
        }
        size.bytes.count += entry->fts_statp->st_blocks * k_stat_block;
    }
    return size;
}

}  // namespace moln
