// A lock with the name of who holds it.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "io/file/fd.h"

namespace moln {

// A lock that is held until this is destroyed or the process ends, however it ends. The file holds
// the pid of the holder and is left behind, unlocked.
class FileLock {
public:
    explicit FileLock(Fd fd) : fd_(std::move(fd)) {}

    int fd() const { return fd_.get(); }

private:
    Fd fd_;
};

// `refused` when somebody holds it: the reason begins with `what` and names the pid, "the data
// directory /srv/moln is in use by process 812".
Result<FileLock> lock_file(const std::string& path, std::string_view what);

// A lock that another process holds and shares: a duplicate of its descriptor. Held until both have
// let go; the file names this process from now on. `path` is for the error.
Result<FileLock> share_lock(Fd fd, const std::string& path);

}  // namespace moln
