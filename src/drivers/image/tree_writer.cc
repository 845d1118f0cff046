#include "drivers/image/tree_writer.h"

#include <cerrno>
#include <memory>

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#include "base/check.h"

namespace moln {
namespace {

constexpr mode_t k_folder_mode = 0755;

std::unexpected<Error> failed(std::string_view what, const std::string& path) {
    const int saved = errno;
    if (saved == ELOOP || saved == EXDEV) {
        return fail(ErrorCode::invalid,
                    fmt::format("{} leads through a symbolic link, which is not followed", path));
    }
    return fail(error_from_errno(saved, fmt::format("{} {}", what, path)));
}

Status set_owner(int folder, const std::string& name, FileOwner owner, const std::string& path) {
    if (fchownat(folder, name.c_str(), owner.uid, owner.gid, AT_SYMLINK_NOFOLLOW) != 0) {
        return failed("chown", path);
    }
    return {};
}

// Removes an entry of a folder and all below it, by descriptors, following nothing.
Status remove_entry(int folder, const std::string& name, const std::string& path);

Status remove_entries(int folder, const std::string& path) {
    const int copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (copy < 0) return failed("open", path);
    const std::unique_ptr<DIR, int (*)(DIR*)> entries(fdopendir(copy), closedir);
    if (!entries) return failed("open", path);
    while (const auto* entry = readdir(entries.get())) {
        const std::string name = entry->d_name;
        if (name == "." || name == "..") continue;
        MOLN_TRY(remove_entry(folder, name, path + "/" + name));
    }
    return {};
}

Status remove_entry(int folder, const std::string& name, const std::string& path) {
    if (unlinkat(folder, name.c_str(), 0) == 0 || errno == ENOENT) return {};
    if (errno != EISDIR && errno != EPERM) return failed("remove", path);
    const Fd inner(openat(folder, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!inner.valid()) return failed("open", path);
    MOLN_TRY(remove_entries(inner.get(), path));
    if (unlinkat(folder, name.c_str(), AT_REMOVEDIR) != 0) return failed("remove", path);
    return {};
}

}  // namespace

Result<TreeWriter> TreeWriter::open(const std::string& folder, LinksOnTheWay links) {
    MOLN_ASSIGN(Fd root, open_fd(folder, O_RDONLY | O_DIRECTORY));
    return TreeWriter(std::move(root), links);
}

Result<Fd> TreeWriter::open_beneath(const std::string& path, int flags) const {
    open_how how{};
    how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC);
    how.resolve =
        RESOLVE_NO_MAGICLINKS |
        (links_ == LinksOnTheWay::refuse ? RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS : RESOLVE_IN_ROOT);
    for (;;) {
        const auto fd = syscall(SYS_openat2, root_.get(), path.c_str(), &how, sizeof how);
        if (fd >= 0) return Fd(static_cast<int>(fd));
        if (errno != EINTR && errno != EAGAIN) return failed("open", path);
    }
}

// Opens a folder, making it and those above it where they are missing.
Result<Fd> TreeWriter::open_folder(const std::string& path, FileOwner owner) {
    constexpr int k_flags = O_RDONLY | O_DIRECTORY;
    auto folder = open_beneath(path.empty() ? "." : path, k_flags);
    if (folder || folder.error().code != ErrorCode::not_found) return folder;
    MOLN_ASSIGN(const auto place, place_of(path, owner));
    if (mkdirat(place.folder.get(), place.name.c_str(), k_folder_mode) == 0) {
        MOLN_TRY(set_owner(place.folder.get(), place.name, owner, path));
    } else if (errno != EEXIST) {
        return failed("make folder", path);
    }
    return open_beneath(path, k_flags);
}

Result<TreeWriter::Place> TreeWriter::place_of(const std::string& path, FileOwner owner) {
    CHECK(!path.empty());
    const auto slash = path.rfind('/');
    const auto above = slash == std::string::npos ? std::string() : path.substr(0, slash);
    auto name = slash == std::string::npos ? path : path.substr(slash + 1);
    if (!last_folder_.valid() || above != last_folder_path_) {
        MOLN_ASSIGN(auto folder, open_folder(above, owner));
        last_folder_ = std::move(folder);
        last_folder_path_ = above;
    }
    Fd folder(fcntl(last_folder_.get(), F_DUPFD_CLOEXEC, 0));
    if (!folder.valid()) return failed("open", above);
    return Place{std::move(folder), std::move(name)};
}

Status TreeWriter::make_folder(const std::string& path, mode_t mode, FileOwner owner) {
    MOLN_ASSIGN(const auto place, place_of(path, owner));
    const int at = place.folder.get();
    if (mkdirat(at, place.name.c_str(), mode) != 0) {
        if (errno != EEXIST) return failed("make folder", path);
        struct stat info{};
        if (fstatat(at, place.name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
            return failed("look at", path);
        }
        if (!S_ISDIR(info.st_mode)) {
            return fail(ErrorCode::exists,
                        fmt::format("{} is there twice: as a folder and as something else", path));
        }
    }
    MOLN_TRY(set_owner(at, place.name, owner, path));
    // By descriptor, since fchmodat would follow a link put in its place.
    const Fd folder(
        openat(at, place.name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!folder.valid() || fchmod(folder.get(), mode) != 0) return failed("chmod", path);
    return {};
}

Result<Fd> TreeWriter::make_file(const std::string& path, FileOwner owner) {
    MOLN_ASSIGN(const auto place, place_of(path, owner));
    Fd file(openat(place.folder.get(), place.name.c_str(),
                   O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (file.valid()) return file;
    if (errno == EEXIST) return fail(ErrorCode::exists, fmt::format("{} is there twice", path));
    return failed("make file", path);
}

Status TreeWriter::finish_file(const Fd& file, const std::string& path, mode_t mode,
                               FileOwner owner, std::int64_t mtime) {
    if (fchown(file.get(), owner.uid, owner.gid) != 0) return failed("chown", path);
    if (fchmod(file.get(), mode) != 0) return failed("chmod", path);
    const timespec times[2] = {{.tv_sec = mtime, .tv_nsec = 0}, {.tv_sec = mtime, .tv_nsec = 0}};
    if (futimens(file.get(), times) != 0) return failed("set the time of", path);
    return {};
}

Status TreeWriter::make_symlink(const std::string& path, const std::string& target,
                                FileOwner owner) {
    MOLN_ASSIGN(const auto place, place_of(path, owner));
    if (symlinkat(target.c_str(), place.folder.get(), place.name.c_str()) != 0) {
        if (errno == EEXIST) return fail(ErrorCode::exists, fmt::format("{} is there twice", path));
        return failed("make link", path);
    }
    return set_owner(place.folder.get(), place.name, owner, path);
}

Status TreeWriter::make_hard_link(const std::string& path, const std::string& target) {
    auto source = open_beneath(target, O_PATH | O_NOFOLLOW);
    if (!source) return fail_in(fmt::format("{} is a hard link", path), source.error());
    struct stat info{};
    if (fstat(source->get(), &info) != 0) return failed("look at", target);
    if (!S_ISREG(info.st_mode)) {
        return fail(ErrorCode::invalid,
                    fmt::format("{} is a hard link to {}, which is no file", path, target));
    }
    MOLN_ASSIGN(const auto place, place_of(path, {info.st_uid, info.st_gid}));
    if (linkat(source->get(), "", place.folder.get(), place.name.c_str(), AT_EMPTY_PATH) != 0) {
        if (errno == EEXIST) return fail(ErrorCode::exists, fmt::format("{} is there twice", path));
        return failed("make hard link", path);
    }
    return {};
}

Status TreeWriter::make_whiteout(const std::string& path) {
    MOLN_ASSIGN(const auto place, place_of(path, {}));
    if (mknodat(place.folder.get(), place.name.c_str(), S_IFCHR, 0) != 0 && errno != EEXIST) {
        return failed("mark as removed", path);
    }
    return {};
}

Status TreeWriter::make_opaque(const std::string& path, FileOwner owner) {
    MOLN_ASSIGN(const Fd folder, open_folder(path, owner));
    if (fsetxattr(folder.get(), "trusted.overlay.opaque", "y", 1, 0) != 0) {
        return failed("mark as opaque", path);
    }
    return {};
}

Status TreeWriter::remove(const std::string& path) {
    const auto slash = path.rfind('/');
    const auto above = slash == std::string::npos ? std::string(".") : path.substr(0, slash);
    const auto name = slash == std::string::npos ? path : path.substr(slash + 1);
    last_folder_.reset();  // may be what is removed
    const auto folder = open_beneath(above, O_RDONLY | O_DIRECTORY);
    if (!folder) {
        if (folder.error().code == ErrorCode::not_found) return {};
        return fail(folder.error());
    }
    return remove_entry(folder->get(), name, path);
}

Status TreeWriter::remove_children(const std::string& path) {
    last_folder_.reset();
    const auto folder = open_beneath(path.empty() ? "." : path, O_RDONLY | O_DIRECTORY);
    if (!folder) {
        if (folder.error().code == ErrorCode::not_found) return {};
        return fail(folder.error());
    }
    return remove_entries(folder->get(), path);
}

bool TreeWriter::exists(const std::string& path) const {
    return open_beneath(path, O_PATH | O_NOFOLLOW).has_value();
}

}  // namespace moln
