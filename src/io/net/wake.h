// Wake lets one thread end another's epoll wait. Any thread may ring(), also in a signal handler.
#pragma once

#include "base/result.h"
#include "io/file/fd.h"

namespace moln::net {

class Wake {
public:
    static Result<Wake> create();

    void ring() const;
    // Forgets all rings so far; called by the woken thread before it looks at what changed.
    void clear() const;
    int fd() const { return fd_.get(); }

private:
    explicit Wake(Fd fd) : fd_(std::move(fd)) {}
    Fd fd_;
};

}  // namespace moln::net
