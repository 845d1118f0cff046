#include "io/host/files.h"

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace moln {
namespace {

using net::Fd;

std::string directory_of(const std::string& path) {
    const auto parent = std::filesystem::path(path).parent_path().string();
    return parent.empty() ? "." : parent;
}

Status write_all(int fd, std::string_view bytes, const std::string& path) {
    while (!bytes.empty()) {
        const auto written = ::write(fd, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return fail(error_from_errno(errno, "write " + path));
        bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
}

Status sync_directory(const std::string& path) {
    const Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd.open()) return fail(error_from_errno(errno, "open " + path));
    if (::fsync(fd.get()) != 0) return fail(error_from_errno(errno, "sync " + path));
    return {};
}

Status fill(const Fd& fd, std::string_view bytes, mode_t mode, const std::string& path) {
    // mkostemp gives 0600 and the umask would take bits from any other.
    if (::fchmod(fd.get(), mode) != 0) return fail(error_from_errno(errno, "chmod " + path));
    MOLN_TRY(write_all(fd.get(), bytes, path));
    if (::fsync(fd.get()) != 0) return fail(error_from_errno(errno, "sync " + path));
    return {};
}

std::string holder_of(int fd) {
    std::array<char, 32> text{};
    const auto size = ::pread(fd, text.data(), text.size(), 0);
    pid_t pid = 0;
    if (size > 0) std::from_chars(text.data(), text.data() + size, pid);
    return pid > 0 ? fmt::format("process {}", pid) : "another process";
}

}  // namespace

Status write_file_durably(const std::string& path, std::string_view bytes, mode_t mode) {
    std::string unfinished = path + ".XXXXXX";
    Fd fd(::mkostemp(unfinished.data(), O_CLOEXEC));
    if (!fd.open()) return fail(error_from_errno(errno, "create " + path));
    auto status = fill(fd, bytes, mode, path);
    if (status && ::rename(unfinished.c_str(), path.c_str()) != 0) {
        status = fail(error_from_errno(errno, "replace " + path));
    }
    if (!status) {
        (void)::unlink(unfinished.c_str());
        return status;
    }
    return sync_directory(directory_of(path));
}

Result<std::string> read_file(const std::string& path, std::size_t bytes_max) {
    const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd.open()) return fail(error_from_errno(errno, "open " + path));
    std::string bytes;
    std::array<char, 16'384> chunk{};
    while (true) {
        const auto size = ::read(fd.get(), chunk.data(), chunk.size());
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) return fail(error_from_errno(errno, "read " + path));
        if (size == 0) return bytes;
        bytes.append(chunk.data(), static_cast<std::size_t>(size));
        if (bytes.size() > bytes_max) {
            return fail(ErrorCode::refused,
                        fmt::format("{} is larger than {} bytes", path, bytes_max));
        }
    }
}

Status make_dirs(const std::string& path) {
    const std::filesystem::path whole(path);
    std::filesystem::path so_far;
    for (const auto& part : whole) {
        so_far /= part;
        if (::mkdir(so_far.c_str(), 0700) == 0) continue;
        const int saved_errno = errno;
        std::error_code error;
        // A read-only parent that is there already is no obstacle.
        if (!std::filesystem::is_directory(so_far, error)) {
            return fail(error_from_errno(saved_errno, "make directory " + so_far.string()));
        }
    }
    return {};
}

Result<Bytes> free_space(const std::string& path) {
    struct statvfs info{};
    if (::statvfs(path.c_str(), &info) != 0) {
        return fail(error_from_errno(errno, "free space of " + path));
    }
    return Bytes{static_cast<std::int64_t>(info.f_bavail * info.f_frsize)};
}

Result<FileLock> lock_file(const std::string& path, std::string_view what) {
    Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd.open()) return fail(error_from_errno(errno, "open " + path));
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) return fail(error_from_errno(errno, "lock " + path));
        return fail(ErrorCode::refused,
                    fmt::format("{} is in use by {}", what, holder_of(fd.get())));
    }
    if (::ftruncate(fd.get(), 0) != 0) return fail(error_from_errno(errno, "write " + path));
    MOLN_TRY(write_all(fd.get(), fmt::format("{}\n", ::getpid()), path));
    return FileLock(std::move(fd));
}

}  // namespace moln
