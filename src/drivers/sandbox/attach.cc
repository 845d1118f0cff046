#include "drivers/sandbox/attach.h"

#include <array>
#include <cerrno>
#include <cstring>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace moln {
namespace {

// conmon sends packets of at most this and one byte before it: which stream (2 stdout, 3 stderr;
// with a terminal all is stdout).
constexpr std::size_t k_packet_bytes = 8192;

}  // namespace

Result<Attachment> Attachment::open(SandboxHost& host, const InstanceId& instance) {
    if (!host.monitors.instance_pid(instance)) {
        return fail(ErrorCode::refused, instance.text + " does not run");
    }
    const auto path = host.monitors.attach_socket(instance);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) {
        return fail(ErrorCode::internal, path + " is too long for a socket");
    }
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    Fd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        return fail(error_from_errno(errno, "attach to " + instance.text));
    }
    return Attachment(host, instance, std::move(socket));
}

Result<std::string> Attachment::read() {
    std::array<char, k_packet_bytes + 1> packet;
    const ssize_t count = recv(socket_.get(), packet.data(), packet.size(), 0);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return std::string();
    if (count <= 0) return fail(ErrorCode::not_found, instance_.text + " has ended");
    return std::string(packet.data() + 1, static_cast<std::size_t>(count - 1));
}

Status Attachment::write(const std::string& bytes) {
    if (send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) >= 0) return {};
    if (errno == EAGAIN)
        return fail(ErrorCode::unavailable, instance_.text + " reads no input now");
    return fail(error_from_errno(errno, "write to " + instance_.text));
}

Status Attachment::resize(int columns, int rows) {
    return host_->monitors.resize(instance_, columns, rows);
}

}  // namespace moln
