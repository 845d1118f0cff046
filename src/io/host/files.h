// Files as the daemon needs them: written so that they survive a power loss, read with a limit,
// locked with the name of who holds them. Not for big data. Blocking; any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <sys/types.h>

#include "base/result.h"
#include "base/units.h"
#include "io/net/fd.h"

namespace moln {

// The file holds all of `bytes` and is on stable storage, or what was there before is untouched:
// written beside it, synced, renamed over it, and the directory synced.
Status write_file_durably(const std::string& path, std::string_view bytes, mode_t mode);

// `not_found`; `refused` when it holds more than `bytes_max`.
Result<std::string> read_file(const std::string& path, std::size_t bytes_max);

// Makes `path` and its missing parents with mode 0700. A directory that is there keeps its mode.
Status make_dirs(const std::string& path);

// What an unprivileged writer may still use of the file system under `path`.
Result<Bytes> free_space(const std::string& path);

// A lock that is held until this is destroyed or the process ends, however it ends. The file holds
// the pid of the holder and is left behind, unlocked.
class FileLock {
public:
    explicit FileLock(net::Fd fd) : fd_(std::move(fd)) {}

private:
    net::Fd fd_;
};

// `refused` when somebody holds it: the reason begins with `what` and names the pid, "the data
// directory /srv/moln is in use by process 812".
Result<FileLock> lock_file(const std::string& path, std::string_view what);

}  // namespace moln
