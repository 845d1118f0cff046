#include "runtime/edge/folder.h"

#include <cerrno>
#include <cstdio>

#include <fcntl.h>
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

Status Folder::sync() const {
    if (::fsync(fd_.get()) != 0) return fail(error_from_errno(errno, "sync " + path_));
    return {};
}

}  // namespace moln::edge_loop
