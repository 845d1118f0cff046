#include "io/file/lock_file.h"

#include <array>
#include <cerrno>
#include <charconv>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

namespace moln {
namespace {

std::string holder_of(const Fd& fd) {
    std::array<char, 32> text{};
    const auto size = ::pread(fd.get(), text.data(), text.size(), 0);
    pid_t pid = 0;
    if (size > 0) std::from_chars(text.data(), text.data() + size, pid);
    return pid > 0 ? fmt::format("process {}", pid) : "another process";
}

}  // namespace

Result<FileLock> lock_file(const std::string& path, std::string_view what) {
    MOLN_ASSIGN(Fd fd, open_fd(path, O_RDWR | O_CREAT | O_NOFOLLOW));
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) return fail(error_from_errno(errno, "lock " + path));
        return fail(ErrorCode::refused, fmt::format("{} is in use by {}", what, holder_of(fd)));
    }
    return share_lock(std::move(fd), path);
}

Result<FileLock> share_lock(Fd fd, const std::string& path) {
    // Over what is there: a full disk may not give back the block that an empty file loses.
    const auto text = fmt::format("{}\n", ::getpid());
    if (::lseek(fd.get(), 0, SEEK_SET) != 0) return fail(error_from_errno(errno, "write " + path));
    MOLN_TRY(write_all(fd, text, path));
    if (::ftruncate(fd.get(), static_cast<off_t>(text.size())) != 0) {
        return fail(error_from_errno(errno, "write " + path));
    }
    return FileLock(std::move(fd));
}

}  // namespace moln
