#include "runtime/edge/control_listener.h"

#include <cerrno>
#include <utility>

#include <sys/socket.h>

#include "edge/limits.h"

namespace moln::edge_loop {

Status ControlListener::listen(Fd socket) {
    socket_ = std::move(socket);
    return epoll_.add(socket_.get(), EPOLLIN, &part_);
}

Fd ControlListener::accept(std::int64_t now_ms) {
    Fd fd(accept4(socket_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    const bool none_left = !fd.valid() && (errno == EMFILE || errno == ENFILE);
    if (none_left && epoll_.modify(socket_.get(), 0, &part_)) {
        resume_ms_ = now_ms + edge::k_accept_pause.count;
    }
    return fd;
}

void ControlListener::resume(std::int64_t now_ms) {
    if (resume_ms_ < 0 || now_ms < resume_ms_) return;
    resume_ms_ = -1;
    if (socket_.valid()) (void)epoll_.modify(socket_.get(), EPOLLIN, &part_);
}

void ControlListener::leave() {
    if (!socket_.valid()) return;
    (void)epoll_.remove(socket_.get());
    socket_.reset();
}

}  // namespace moln::edge_loop
