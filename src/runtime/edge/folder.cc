#include "runtime/edge/folder.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>

#include <dirent.h>
#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace moln::edge_loop {

Result<Folder> Folder::open(const std::string& path) {
    Folder folder;
    folder.path_ = path;
    folder.fd_ = Fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!folder.fd_.valid()) return fail(error_from_errno(errno, "open " + path));
    return folder;
}

Result<Fd> Folder::open_file(const std::string& name, int flags, int mode) const {
    Fd fd(::openat(fd_.get(), name.c_str(), flags | O_CLOEXEC, mode));
    if (!fd.valid()) return fail(error_from_errno(errno, "open " + path_of(name)));
    return fd;
}

Status Folder::rename(const std::string& from, const std::string& to) const {
    if (::renameat(fd_.get(), from.c_str(), fd_.get(), to.c_str()) != 0) {
        return fail(error_from_errno(errno, "rename " + path_of(from)));
    }
    return {};
}

Status Folder::put_in_place(const Fd& file, const std::string& from, const std::string& to) const {
    if (::fsync(file.get()) != 0) return fail(error_from_errno(errno, "sync " + path_of(from)));
    MOLN_TRY(rename(from, to));
    return sync();
}

Status Folder::sync() const {
    if (::fsync(fd_.get()) != 0) return fail(error_from_errno(errno, "sync " + path_));
    return {};
}

Status Folder::remove(const std::string& name) const {
    if (::unlinkat(fd_.get(), name.c_str(), 0) != 0 && errno != ENOENT) {
        return fail(error_from_errno(errno, "remove " + path_of(name)));
    }
    return {};
}

Result<std::vector<std::string>> Folder::names() const {
    Fd again(::openat(fd_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!again.valid()) return fail(error_from_errno(errno, "open " + path_));
    const std::unique_ptr<DIR, int (*)(DIR*)> listing(::fdopendir(again.get()), ::closedir);
    if (!listing) return fail(error_from_errno(errno, "list " + path_));
    (void)again.release();
    std::vector<std::string> out;
    while (const dirent* entry = ::readdir(listing.get())) {
        const std::string name = entry->d_name;
        if (name != "." && name != "..") out.push_back(name);
    }
    std::ranges::sort(out);
    return out;
}

Result<std::uint64_t> Folder::free_bytes() const {
    struct statvfs space{};
    if (::fstatvfs(fd_.get(), &space) != 0) {
        return fail(error_from_errno(errno, "free space of " + path_));
    }
    return std::uint64_t{space.f_bavail} * space.f_frsize;
}

}  // namespace moln::edge_loop
