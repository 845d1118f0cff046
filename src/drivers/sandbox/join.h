// How a child joins its cgroups between fork and exec.
#pragma once

#include <string>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

namespace moln {

// `files` are Cgroups::join_files. Only async-signal-safe calls; errno tells what went wrong.
inline bool join_groups(const std::vector<std::string>& files) {
    for (const auto& path : files) {
        const int fd = open(path.c_str(), O_WRONLY | O_CLOEXEC);
        if (fd < 0) return false;
        const ssize_t written = write(fd, "0", 1);
        close(fd);
        if (written != 1) return false;
    }
    return true;
}

}  // namespace moln
