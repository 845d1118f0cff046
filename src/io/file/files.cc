#include "io/file/files.h"

#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace moln {
namespace {

std::string folder_of(const std::string& path) {
    const auto parent = std::filesystem::path(path).parent_path().string();
    return parent.empty() ? "." : parent;
}

bool is_folder(const std::string& path) {
    struct stat info{};
    return stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

Status write_new(const std::string& path, std::string_view bytes, mode_t mode,
                 Durability durability) {
    MOLN_ASSIGN(const Fd fd, open_fd(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode));
    // The mode is to be what was asked for, whatever the umask.
    if (fchmod(fd.get(), mode) != 0) return fail(error_from_errno(errno, "chmod " + path));
    MOLN_TRY(write_all(fd, bytes, path));
    if (durability != Durability::unsynced && fdatasync(fd.get()) != 0) {
        return fail(error_from_errno(errno, "sync " + path));
    }
    return {};
}

}  // namespace

bool path_exists(const std::string& path) {
    struct stat info{};
    return lstat(path.c_str(), &info) == 0;
}

Result<std::string> read_file(const std::string& path, std::size_t bytes_max) {
    MOLN_ASSIGN(const Fd fd, open_fd(path, O_RDONLY));
    return read_rest(fd, path, bytes_max);
}

Result<Secret> read_secret_file(const std::string& path, std::size_t bytes_max) {
    MOLN_ASSIGN(const Fd file, open_fd(path, O_RDONLY));
    struct stat facts{};
    if (fstat(file.get(), &facts) != 0) return fail(error_from_errno(errno, "read " + path));
    if ((facts.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        return fail(ErrorCode::denied, path + ": others than its owner may use it; chmod 600 " +
                                           path + ", and change what is secret in it");
    }
    MOLN_ASSIGN(auto text, read_rest(file, path, bytes_max));
    return Secret(std::move(text));
}

Result<std::string> read_rest(const Fd& file, const std::string& path, std::size_t bytes_max) {
    std::string out;
    std::array<char, 16 * 1024> buffer;
    while (true) {
        const auto count = read(file.get(), buffer.data(), buffer.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return fail(error_from_errno(errno, "read " + path));
        if (count == 0) return out;
        out.append(buffer.data(), static_cast<std::size_t>(count));
        if (out.size() > bytes_max) {
            return fail(ErrorCode::refused,
                        fmt::format("{} is larger than {} bytes", path, bytes_max));
        }
    }
}

Status write_file(const std::string& path, std::string_view bytes, mode_t mode,
                  Durability durability) {
    const std::string beside = path + ".new";
    (void)unlink(beside.c_str());  // of one that was cut short
    auto status = write_new(beside, bytes, mode, durability);
    if (status) status = rename_path(beside, path);
    if (!status) {
        (void)unlink(beside.c_str());
        return status;
    }
    return durability == Durability::durable ? sync_folder(folder_of(path)) : Status{};
}

Status write_existing(const std::string& path, std::string_view bytes) {
    MOLN_ASSIGN(const Fd fd, open_fd(path, O_WRONLY));
    return write_all(fd, bytes, path);
}

namespace {

// Ok also if the folder is there.
Status make_folder(const std::string& path, mode_t mode) {
    if (mkdir(path.c_str(), mode) == 0) {
        if (chmod(path.c_str(), mode) != 0) return fail(error_from_errno(errno, "chmod " + path));
        return {};
    }
    const int saved_errno = errno;
    if (saved_errno == EEXIST && is_folder(path)) return {};
    return fail(error_from_errno(saved_errno, "make folder " + path));
}

}  // namespace

Status make_folders(const std::string& path, mode_t mode) {
    const auto made = make_folder(path, mode);
    const auto above = folder_of(path);
    if (made || made.error().code != ErrorCode::not_found || path.empty() || above == path) {
        return made;
    }
    if (!is_folder(above)) MOLN_TRY(make_folders(above, mode));
    // Once more and no oftener: /proc says that of what it never makes.
    return make_folder(path, mode);
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

Result<Bytes> free_space(const std::string& path) {
    struct statvfs info{};
    if (statvfs(path.c_str(), &info) != 0) {
        return fail(error_from_errno(errno, "free space of " + path));
    }
    return Bytes{static_cast<std::int64_t>(info.f_bavail * info.f_frsize)};
}

}  // namespace moln
