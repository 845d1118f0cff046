#include "runtime/edge/readiness.h"

#include <sys/epoll.h>

namespace moln::edge_loop {

void Readiness::note(std::uint32_t events) {
    if ((events & EPOLLIN) != 0) readable = true;
    if ((events & EPOLLOUT) != 0) writable = true;
    if ((events & (EPOLLRDHUP | EPOLLHUP)) != 0) hung_up = readable = true;
    // The next read says what the error is.
    if ((events & EPOLLERR) != 0) broken = readable = true;
}

}  // namespace moln::edge_loop
