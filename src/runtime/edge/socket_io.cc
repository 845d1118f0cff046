#include "runtime/edge/socket_io.h"

#include <cerrno>

#include <sys/socket.h>
#include <sys/uio.h>

namespace moln::edge_loop {
namespace {

IoResult from_errno(Readiness& ready, bool& direction) {
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
        direction = errno == EINTR;
        return {errno == EINTR ? IoEnd::some : IoEnd::would_block, 0};
    }
    ready.broken = true;
    return {IoEnd::broken, 0};
}

}  // namespace

IoResult receive(const Fd& fd, Readiness& ready, Buffer& buffer) {
    const std::size_t room = buffer.room();
    const auto got = ::recv(fd.get(), buffer.tail(), room, 0);
    if (got < 0) return from_errno(ready, ready.readable);
    if (got == 0) {
        ready.readable = false;
        return {IoEnd::ended, 0};
    }
    const auto bytes = static_cast<std::size_t>(got);
    buffer.end += bytes;
    // A short read took all there was: the next byte is a new edge. Not so the end of the stream.
    if (bytes < room && !ready.hung_up) ready.readable = false;
    return {IoEnd::some, bytes};
}

IoResult transmit(const Fd& fd, Readiness& ready, std::string_view head, std::string_view body) {
    iovec parts[2];
    msghdr message{};
    message.msg_iov = parts;
    for (const auto part : {head, body}) {
        if (part.empty()) continue;
        parts[message.msg_iovlen++] = {const_cast<char*>(part.data()), part.size()};
    }
    const auto put = message.msg_iovlen == 1
                         ? ::send(fd.get(), parts[0].iov_base, parts[0].iov_len, MSG_NOSIGNAL)
                         : ::sendmsg(fd.get(), &message, MSG_NOSIGNAL);
    if (put < 0) return from_errno(ready, ready.writable);
    const auto bytes = static_cast<std::size_t>(put);
    if (bytes < head.size() + body.size()) ready.writable = false;
    return {IoEnd::some, bytes};
}

}  // namespace moln::edge_loop
