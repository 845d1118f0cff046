#include "io/net/socket.h"

#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <sys/un.h>

namespace moln::net {
namespace {

void set_option(int fd, int level, int name, int value) {
    // Refused options only cost comfort: the connection works without them.
    (void)setsockopt(fd, level, name, &value, sizeof value);
}

Result<sockaddr_un> unix_address(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof address.sun_path) {
        return fail(ErrorCode::invalid,
                    fmt::format("socket path \"{}\": must have 1 to {} bytes; choose a shorter one",
                                path, sizeof address.sun_path - 1));
    }
    std::memcpy(address.sun_path, path.data(), path.size());
    return address;
}

}  // namespace

namespace {

enum class Sharing { no, yes };

// `saved` is of errno.
std::unexpected<Error> cannot_listen(int saved, const SocketAddress& address) {
    std::string_view way_out = "";
    if (saved == EADDRINUSE) {
        way_out = "; another program has this port: stop it or choose another address";
    } else if (saved == EACCES) {
        way_out = "; ports below 1024 need root or CAP_NET_BIND_SERVICE";
    } else if (saved == EADDRNOTAVAIL) {
        way_out = "; no interface of this machine has this address";
    }
    auto error = error_from_errno(saved, fmt::format("listen on {}", address.to_string()));
    error.reason += way_out;
    return fail(std::move(error));
}

Result<Fd> bind_tcp(const SocketAddress& address, Sharing sharing, int backlog) {
    Fd fd(socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd.valid()) return fail(error_from_errno(errno, "socket"));
    set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1);
    if (sharing == Sharing::yes) set_option(fd.get(), SOL_SOCKET, SO_REUSEPORT, 1);
    disable_nagle(fd.get());  // accepted sockets inherit it
    if (bind(fd.get(), address.data(), address.length()) != 0 || listen(fd.get(), backlog) != 0) {
        return cannot_listen(errno, address);
    }
    return fd;
}

}  // namespace

Result<Fd> listen_tcp_alone(const SocketAddress& address, int backlog) {
    return bind_tcp(address, Sharing::no, backlog);
}

Result<Fd> bind_udp(const SocketAddress& address) {
    Fd fd(socket(address.family(), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd.valid()) return fail(error_from_errno(errno, "socket"));
    if (bind(fd.get(), address.data(), address.length()) != 0) {
        return cannot_listen(errno, address);
    }
    return fd;
}

Result<Fd> listen_tcp(const SocketAddress& address, int backlog) {
    return bind_tcp(address, Sharing::yes, backlog);
}

Status check_free(const SocketAddress& address) {
    MOLN_TRY(bind_tcp(address, Sharing::no, 1));
    return {};
}

Result<Fd> connect_tcp(const SocketAddress& address) {
    Fd fd(socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd.valid()) return fail(error_from_errno(errno, "socket"));
    disable_nagle(fd.get());
    if (connect(fd.get(), address.data(), address.length()) != 0 && errno != EINPROGRESS) {
        auto error = error_from_errno(errno, "connect");
        if (errno == EADDRNOTAVAIL) error.code = ErrorCode::refused;
        return fail(std::move(error));
    }
    return fd;
}

Result<Fd> connect_udp(const SocketAddress& address) {
    Fd fd(socket(address.family(), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd.valid()) return fail(error_from_errno(errno, "socket"));
    if (connect(fd.get(), address.data(), address.length()) != 0) {
        return fail(error_from_errno(errno, "connect"));
    }
    return fd;
}

int connect_error(int fd) {
    int error = 0;
    socklen_t length = sizeof error;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0) return errno;
    return error;
}

void enable_keepalive(int fd) {
    set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, 60);
    set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, 15);
    set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, 4);
}

void watch_closely(int fd) {
    set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, 4);
    set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, 2);
    set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
    set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 10'000);
}

void disable_nagle(int fd) {
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
}

void abort_on_close(int fd) {
    const linger now{.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

Result<Fd> listen_unix(const std::string& path, mode_t mode, int backlog) {
    MOLN_ASSIGN(const auto address, unix_address(path));
    if (auto peer = connect_unix(path)) {
        return fail(ErrorCode::refused,
                    fmt::format("socket {}: another process listens on it; stop it first", path));
    }
    struct stat info{};
    if (lstat(path.c_str(), &info) == 0) {
        if (!S_ISSOCK(info.st_mode)) {
            return fail(ErrorCode::exists,
                        fmt::format("{} exists and is no socket; move it away", path));
        }
        if (unlink(path.c_str()) != 0) return fail(error_from_errno(errno, "unlink " + path));
    }
    Fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd.valid()) return fail(error_from_errno(errno, "socket"));
    // The mode is set on the socket before bind, so that there is no moment with a wider one.
    if (fchmod(fd.get(), mode) != 0 ||
        bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        chmod(path.c_str(), mode) != 0 || listen(fd.get(), backlog) != 0) {
        return fail(error_from_errno(errno, "listen on " + path));
    }
    return fd;
}

Result<Fd> connect_unix(const std::string& path) {
    MOLN_ASSIGN(const auto address, unix_address(path));
    Fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd.valid()) return fail(error_from_errno(errno, "socket"));
    if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        return fail(error_from_errno(errno, "connect to " + path));
    }
    return fd;
}

}  // namespace moln::net
