#include "drivers/process/fd.h"

#include <cerrno>

#include <fcntl.h>

namespace moln {

Result<Pipe> make_pipe() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return fail(error_from_errno(errno, "make a pipe"));
    return Pipe{Fd(ends[0]), Fd(ends[1])};
}

Result<Fd> open_fd(const std::string& path, int flags, unsigned mode) {
    const int fd = open(path.c_str(), flags | O_CLOEXEC, mode);
    if (fd < 0) return fail(error_from_errno(errno, "open " + path));
    return Fd(fd);
}

}  // namespace moln
