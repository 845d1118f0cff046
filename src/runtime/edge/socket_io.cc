#include "runtime/edge/socket_io.h"

#include <array>
#include <cerrno>
#include <cstring>

#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "runtime/edge/parts.h"

namespace moln::edge_loop {
namespace {

// Two parts that are no longer are put together first: that costs less than telling the kernel of
// both.
constexpr std::size_t k_joined_max = 2048;

// As recv(2), send(2) and sendmsg(2), without libc's way round them: it makes each a point where
// the thread can be cancelled, a hundredth of what they cost.
ssize_t receive_now(int fd, std::span<char> room) {
    return ::syscall(SYS_recvfrom, fd, room.data(), room.size(), 0, nullptr, nullptr);
}
ssize_t send_now(int fd, std::string_view bytes, int flags) {
    return ::syscall(SYS_sendto, fd, bytes.data(), bytes.size(), flags, nullptr, 0);
}
ssize_t send_now(int fd, std::string_view head, std::string_view body, int flags) {
    if (body.empty()) return send_now(fd, head, flags);
    if (head.empty()) return send_now(fd, body, flags);
    if (head.size() + body.size() <= k_joined_max) {
        std::array<char, k_joined_max> both;
        std::memcpy(both.data(), head.data(), head.size());
        std::memcpy(both.data() + head.size(), body.data(), body.size());
        return send_now(fd, {both.data(), head.size() + body.size()}, flags);
    }
    std::array<iovec, 2> parts = {{{const_cast<char*>(head.data()), head.size()},
                                   {const_cast<char*>(body.data()), body.size()}}};
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = parts.size();
    return ::syscall(SYS_sendmsg, fd, &message, flags);
}

IoResult from_errno(Readiness& ready, bool& direction) {
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
        direction = errno == EINTR;
        return {errno == EINTR ? IoEnd::some : IoEnd::would_block, 0};
    }
    ready.broken = true;
    return {IoEnd::broken, 0};
}

// Of sendfile: the socket has nothing to do with it.
bool is_of_file(int error) {
    return error == EIO || error == EINVAL || error == ENOSYS || error == EOPNOTSUPP ||
           error == ESTALE || error == EBADMSG || error == EUCLEAN;
}

}  // namespace

IoResult receive_raw(int fd, Readiness& ready, std::span<char> room) {
    const auto got = receive_now(fd, room);
    if (got < 0) return from_errno(ready, ready.readable);
    if (got == 0) {
        ready.readable = false;
        return {IoEnd::ended, 0};
    }
    const auto bytes = static_cast<std::size_t>(got);
    // A short read took all there was: the next byte is a new edge. Not so the end of the stream.
    if (bytes < room.size() && !ready.hung_up) ready.readable = false;
    return {IoEnd::some, bytes};
}

IoResult transmit_raw(int fd, Readiness& ready, std::string_view head, std::string_view body,
                      Following following) {
    const int flags = MSG_NOSIGNAL | (following == Following::more ? MSG_MORE : 0);
    const auto put = send_now(fd, head, body, flags);
    if (put < 0) return from_errno(ready, ready.writable);
    const auto bytes = static_cast<std::size_t>(put);
    if (bytes < head.size() + body.size()) ready.writable = false;
    return {IoEnd::some, bytes};
}

IoResult send_file_raw(int fd, Readiness& ready, int file, std::uint64_t at, std::size_t bytes) {
    auto from = static_cast<off_t>(at);
    const auto put = ::sendfile(fd, file, &from, bytes);
    if (put == 0) return {IoEnd::ended, 0};
    if (put < 0 && is_of_file(errno)) return {IoEnd::some, 0};
    if (put < 0) return from_errno(ready, ready.writable);
    // Fewer than asked for: the socket is full, or the file has become shorter. The next call
    // tells.
    return {IoEnd::some, static_cast<std::size_t>(put)};
}

IoResult receive(Connection& connection, Buffer& buffer) {
    if (connection.stream != nullptr) {
        return connection.stream->link->receive(*connection.stream, buffer);
    }
    if (connection.tls) return connection.tls->receive(buffer);
    const auto got =
        receive_raw(connection.fd.get(), connection.ready, {buffer.tail(), buffer.room()});
    buffer.end += got.bytes;
    return got;
}

IoResult transmit(Connection& connection, std::string_view head, std::string_view body,
                  h2::End end) {
    if (connection.stream != nullptr) {
        return connection.stream->link->transmit(*connection.stream, head, body, end);
    }
    if (connection.tls) return connection.tls->transmit(head, body);
    return transmit_raw(connection.fd.get(), connection.ready, head, body);
}

IoResult answer(Client& client, std::string_view head, std::string_view body, h2::End end) {
    const bool last = end == h2::End::stream && !client.exchange->keep_client;
    if (last && client.tls) return client.tls->transmit(head, body, TlsSession::Then::end);
    return transmit(client, head, body, end);
}

void end_output(Connection& connection) {
    if (connection.stream != nullptr) {
        connection.stream->link->end(*connection.stream);
        return;
    }
    if (connection.tls) connection.tls->end();
    ::shutdown(connection.fd.get(), SHUT_WR);
}

}  // namespace moln::edge_loop
