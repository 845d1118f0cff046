#include "io/file/fd.h"

#include <cerrno>

#include <fcntl.h>

namespace moln {

Result<Pipe> make_pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return fail(error_from_errno(errno, "make a pipe"));
    return Pipe{Fd(ends[0]), Fd(ends[1])};
}

Result<Fd> open_fd(const std::string& path, int flags, unsigned mode) {
    const int fd = ::open(path.c_str(), flags | O_CLOEXEC, mode);
    if (fd < 0) return fail(error_from_errno(errno, "open " + path));
    return Fd(fd);
}

Status write_all(const Fd& fd, std::string_view bytes, const std::string& path) {
    while (!bytes.empty()) {
        const auto count = ::write(fd.get(), bytes.data(), bytes.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return fail(error_from_errno(errno, "write " + path));
        bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return {};
}

}  // namespace moln
