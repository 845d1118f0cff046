#include "cli/socket.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace moln::cli {
namespace {

volatile std::sig_atomic_t g_interrupted = 0;

void note(int) {
    g_interrupted = 1;
}

// The signals are blocked except within ppoll: none can come between looking and waiting.
sigset_t signals_to_note() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    return set;
}

sigset_t signals_while_waiting() {
    sigset_t open;
    sigprocmask(SIG_BLOCK, nullptr, &open);
    sigdelset(&open, SIGINT);
    sigdelset(&open, SIGTERM);
    return open;
}

std::unexpected<Error> interruption() {
    return fail(ErrorCode::unavailable, "interrupted");
}

Result<short> wait_for(int fd, short events) {
    const auto open = signals_while_waiting();
    while (true) {
        if (interrupted()) return interruption();
        pollfd one{fd, events, 0};
        if (::ppoll(&one, 1, nullptr, &open) > 0) return one.revents;
        if (errno != EINTR) return fail(error_from_errno(errno, "poll"));
    }
}

}  // namespace

void note_interrupts() {
    const auto set = signals_to_note();
    sigprocmask(SIG_BLOCK, &set, nullptr);
    struct sigaction action = {};
    action.sa_handler = note;
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
}

bool interrupted() {
    return g_interrupted != 0;
}

Status wait_readable(int fd) {
    MOLN_TRY(wait_for(fd, POLLIN));
    return {};
}

Status wait_for(std::chrono::milliseconds time) {
    const auto open = signals_while_waiting();
    if (interrupted()) return interruption();
    const timespec left{.tv_sec = time.count() / 1000, .tv_nsec = time.count() % 1000 * 1'000'000};
    if (::ppoll(nullptr, 0, &left, &open) < 0 && errno != EINTR) {
        return fail(error_from_errno(errno, "poll"));
    }
    if (interrupted()) return interruption();
    return {};
}

Result<Socket> Socket::connect(const std::string& path) {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof(address.sun_path)) {
        return fail(ErrorCode::invalid, fmt::format("socket path {}: too long", path));
    }
    std::memcpy(address.sun_path, path.data(), path.size());
    Socket made(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (made.fd_ < 0) return fail(error_from_errno(errno, "socket"));
    const auto* generic = reinterpret_cast<const sockaddr*>(&address);
    if (::connect(made.fd_, generic, sizeof(address)) == 0) return made;
    switch (errno) {
        case ENOENT:
        case ECONNREFUSED:
            return fail(ErrorCode::unavailable,
                        fmt::format("the daemon does not run here: nobody listens on {}. Start it "
                                    "with `moln up`, or say where its data is with --data DIR",
                                    path));
        case EACCES:
        case EPERM:
            return fail(ErrorCode::denied,
                        fmt::format("{}: only root and the daemon's own user may use it; try "
                                    "again with sudo",
                                    path));
        default: return fail(error_from_errno(errno, path));
    }
}

Socket::~Socket() {
    if (fd_ >= 0) ::close(fd_);
}
Socket::Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
Socket& Socket::operator=(Socket&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
}

Status Socket::send(std::string_view bytes, bool& answered) {
    answered = false;
    while (!bytes.empty()) {
        MOLN_ASSIGN(const auto events, wait_for(fd_, POLLOUT | POLLIN));
        if ((events & POLLIN) != 0) {
            answered = true;
            return {};
        }
        const auto count = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (count < 0 && (errno == EAGAIN || errno == EINTR)) continue;
        if (count < 0) {
            return fail(ErrorCode::unavailable, "the daemon closed the connection");
        }
        bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return {};
}

Result<std::string> Socket::receive() {
    std::array<char, 64 * 1024> buffer;
    while (true) {
        MOLN_TRY(wait_for(fd_, POLLIN));
        const auto count = ::recv(fd_, buffer.data(), buffer.size(), MSG_DONTWAIT);
        if (count >= 0) return std::string(buffer.data(), static_cast<std::size_t>(count));
        if (errno == EAGAIN || errno == EINTR) continue;
        return fail(ErrorCode::unavailable, "the daemon closed the connection");
    }
}

Result<std::size_t> Socket::send_some(std::string_view bytes) {
    const auto count = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count >= 0) return static_cast<std::size_t>(count);
    if (errno == EAGAIN || errno == EINTR) return std::size_t{0};
    return fail(ErrorCode::unavailable, "the daemon closed the connection");
}

Result<std::string> Socket::receive_or_writable() {
    MOLN_ASSIGN(const auto events, wait_for(fd_, POLLIN | POLLOUT));
    if ((events & POLLIN) == 0) return std::string();
    return receive();
}

void send_last_word(const std::string& path, std::string_view bytes) {
    auto socket = Socket::connect(path);
    if (!socket) return;
    // A request head fits into any socket's buffer. The answer is waited for, so that the daemon
    // has surely read it, but not for long.
    if (::send(socket->fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL) < 0) return;
    pollfd one{socket->fd(), POLLIN, 0};
    ::poll(&one, 1, 2'000);
}

}  // namespace moln::cli
