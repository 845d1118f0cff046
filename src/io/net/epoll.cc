#include "io/net/epoll.h"

#include <cerrno>

namespace moln::net {

Result<Epoll> Epoll::create() {
    Fd fd(epoll_create1(EPOLL_CLOEXEC));
    if (!fd.valid()) return fail(error_from_errno(errno, "epoll_create1"));
    return Epoll(std::move(fd));
}

Status Epoll::add(int fd, std::uint32_t events, void* tag) {
    epoll_event event{.events = events, .data = {.ptr = tag}};
    if (epoll_ctl(fd_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
        return fail(error_from_errno(errno, "epoll_ctl"));
    }
    return {};
}

Status Epoll::modify(int fd, std::uint32_t events, void* tag) {
    epoll_event event{.events = events, .data = {.ptr = tag}};
    if (epoll_ctl(fd_.get(), EPOLL_CTL_MOD, fd, &event) != 0) {
        return fail(error_from_errno(errno, "epoll_ctl"));
    }
    return {};
}

Status Epoll::remove(int fd) {
    if (epoll_ctl(fd_.get(), EPOLL_CTL_DEL, fd, nullptr) != 0) {
        return fail(error_from_errno(errno, "epoll_ctl"));
    }
    return {};
}

std::span<const epoll_event> Epoll::wait(int timeout_ms) {
    const int count = epoll_wait(fd_.get(), events_.data(), k_batch, timeout_ms);
    if (count <= 0) return {};
    return {events_.data(), static_cast<std::size_t>(count)};
}

}  // namespace moln::net
