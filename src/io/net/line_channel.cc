#include "io/net/line_channel.h"

#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/uio.h>

namespace moln::net {
namespace {

constexpr std::size_t k_read_bytes = 64 * 1024;

}  // namespace

// As recv into in_ from `at`. Descriptors that came along are kept.
std::ptrdiff_t LineChannel::receive(std::size_t at, std::size_t bytes, bool& too_many) {
    alignas(cmsghdr) char control[CMSG_SPACE(k_line_descriptors_max * sizeof(int))];
    iovec part{.iov_base = in_.data() + at, .iov_len = bytes};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const auto got = ::recvmsg(fd_.get(), &message, MSG_CMSG_CLOEXEC);
    if (got < 0) return got;
    for (cmsghdr* one = CMSG_FIRSTHDR(&message); one != nullptr; one = CMSG_NXTHDR(&message, one)) {
        if (one->cmsg_level != SOL_SOCKET || one->cmsg_type != SCM_RIGHTS) continue;
        const std::size_t count = (one->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < count; ++i) {
            int fd = -1;
            std::memcpy(&fd, CMSG_DATA(one) + i * sizeof fd, sizeof fd);
            received_.emplace_back(fd);
        }
    }
    too_many = (message.msg_flags & MSG_CTRUNC) != 0 || received_.size() > k_descriptors_kept_max;
    return got;
}

Result<LineChannel::ReadState> LineChannel::read_some() {
    in_.erase(0, consumed_);
    scanned_ -= consumed_;
    consumed_ = 0;
    for (;;) {
        const std::size_t before = in_.size();
        in_.resize(before + k_read_bytes);
        bool too_many = false;
        const auto got = receive(before, k_read_bytes, too_many);
        const int saved = errno;
        in_.resize(before + static_cast<std::size_t>(got > 0 ? got : 0));
        if (got == 0) return ReadState::ended;
        if (got < 0) {
            if (saved == EINTR) continue;
            if (saved == EAGAIN || saved == EWOULDBLOCK) return ReadState::more;
            return fail(error_from_errno(saved, "recv"));
        }
        if (too_many) return fail(ErrorCode::refused, "a line brings too many descriptors");
        // Complete lines are the caller's to take first; only an unfinished one can be too long.
        // Looked for in what is new alone: a long line comes in many pieces.
        const auto newline = std::string_view(in_).substr(scanned_).rfind('\n');
        const std::size_t open =
            newline == std::string_view::npos ? in_.size() : in_.size() - scanned_ - newline - 1;
        const auto first = in_.find('\n', scanned_);
        const std::size_t first_size = first == std::string::npos ? in_.size() : first;
        if (open > limits_.line_max || first_size > limits_.line_max) {
            return fail(ErrorCode::refused,
                        fmt::format("a line is longer than {} bytes", limits_.line_max));
        }
        if (newline != std::string_view::npos) return ReadState::more;
        scanned_ = in_.size();
    }
}

bool LineChannel::next_line(std::string_view* line) {
    const auto newline = in_.find('\n', scanned_ > consumed_ ? scanned_ : consumed_);
    if (newline == std::string::npos) {
        scanned_ = in_.size();
        return false;
    }
    *line = std::string_view(in_).substr(consumed_, newline - consumed_);
    consumed_ = newline + 1;
    scanned_ = consumed_;
    return true;
}

Fd LineChannel::take_descriptor() {
    if (received_.empty()) return Fd();
    Fd fd = std::move(received_.front());
    received_.pop_front();
    return fd;
}

Status LineChannel::send_line(std::string_view line, std::vector<Fd> descriptors) {
    if (descriptors.size() > k_line_descriptors_max) {
        return fail(ErrorCode::refused, fmt::format("a line may bring {} descriptors, not {}",
                                                    k_line_descriptors_max, descriptors.size()));
    }
    if (out_.size() - sent_ + line.size() + 1 > limits_.unsent_max) {
        return fail(ErrorCode::refused,
                    fmt::format("the peer left {} bytes unread", out_.size() - sent_));
    }
    out_.erase(0, sent_);
    for (auto& attached : attached_) attached.at -= sent_;
    sent_ = 0;
    if (!descriptors.empty()) attached_.push_back({out_.size(), std::move(descriptors)});
    out_.append(line);
    out_.push_back('\n');
    return {};
}

// As send of what is next: up to the next line with descriptors, or that line with them.
std::ptrdiff_t LineChannel::send_once() {
    std::size_t end = out_.size();
    const bool brings = !attached_.empty() && attached_.front().at == sent_;
    const std::size_t next = brings ? 1 : 0;
    if (attached_.size() > next) end = attached_[next].at;
    iovec part{.iov_base = out_.data() + sent_, .iov_len = end - sent_};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    alignas(cmsghdr) char control[CMSG_SPACE(k_line_descriptors_max * sizeof(int))] = {};
    if (brings) {
        const auto& descriptors = attached_.front().descriptors;
        message.msg_control = control;
        message.msg_controllen = CMSG_SPACE(descriptors.size() * sizeof(int));
        cmsghdr* rights = CMSG_FIRSTHDR(&message);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(descriptors.size() * sizeof(int));
        for (std::size_t i = 0; i < descriptors.size(); ++i) {
            const int fd = descriptors[i].get();
            std::memcpy(CMSG_DATA(rights) + i * sizeof fd, &fd, sizeof fd);
        }
    }
    const auto put = ::sendmsg(fd_.get(), &message, MSG_NOSIGNAL);
    if (put > 0 && brings) attached_.pop_front();
    return put;
}

Result<bool> LineChannel::write_some() {
    while (sent_ < out_.size()) {
        const auto put = send_once();
        if (put < 0) {
            if (errno == EINTR) continue;
            if (errno == EAGAIN || errno == EWOULDBLOCK) return false;
            return fail(error_from_errno(errno, "send"));
        }
        sent_ += static_cast<std::size_t>(put);
    }
    out_.clear();
    out_.shrink_to_fit();
    sent_ = 0;
    return true;
}

}  // namespace moln::net
