// File descriptors and pipes that close themselves. Every descriptor made here is close-on-exec.
#pragma once

#include <string>
#include <utility>

#include <unistd.h>

#include "base/result.h"

namespace moln {

// Owns one descriptor; not shared, not copied.
class Fd {
public:
    Fd() = default;
    explicit Fd(int fd) : fd_(fd) {}
    Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Fd& operator=(Fd&& other) noexcept {
        if (this != &other) reset(other.release());
        return *this;
    }
    ~Fd() { reset(); }

    int get() const { return fd_; }
    bool valid() const { return fd_ >= 0; }
    int release() { return std::exchange(fd_, -1); }
    void reset(int fd = -1) {
        if (fd_ >= 0) ::close(fd_);
        fd_ = fd;
    }

private:
    int fd_ = -1;
};

struct Pipe {
    Fd read_end;
    Fd write_end;
};

Result<Pipe> make_pipe();

// open(2) with O_CLOEXEC; the error names the path.
Result<Fd> open_fd(const std::string& path, int flags, unsigned mode = 0600);

// write(2) until all is written; `path` is for the error.
Status write_all(const Fd& fd, std::string_view bytes, const std::string& path);

}  // namespace moln
