// Edge-triggered epoll as a value: which descriptors, whose events. One thread owns one Epoll.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <sys/epoll.h>

#include "base/result.h"
#include "io/file/fd.h"

namespace moln::net {

// All that a connected stream socket can tell, each once.
inline constexpr std::uint32_t k_stream_edges = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;

class Epoll {
public:
    // Events taken from the kernel in one wait.
    static constexpr int k_batch = 256;

    static Result<Epoll> create();

    // `tag` comes back with every event of `fd`. `events` are EPOLL* bits; a caller that wants
    // edges adds EPOLLET. Closing the descriptor removes it.
    Status add(int fd, std::uint32_t events, void* tag);
    Status modify(int fd, std::uint32_t events, void* tag);

    // Only of a descriptor that others hold too: closing it would not remove it.
    Status remove(int fd);

    // The ready events; none after `timeout_ms` (-1: no limit) or a signal. Valid until the next
    // wait.
    std::span<const epoll_event> wait(int timeout_ms);

private:
    explicit Epoll(Fd fd) : fd_(std::move(fd)), events_(k_batch) {}
    Fd fd_;
    std::vector<epoll_event> events_;
};

}  // namespace moln::net
