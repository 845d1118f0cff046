#include "io/net/line_channel.h"

#include <cerrno>

#include <fmt/format.h>
#include <sys/socket.h>

namespace moln::net {
namespace {

constexpr std::size_t k_read_bytes = 64 * 1024;

}  // namespace

Result<LineChannel::ReadState> LineChannel::read_some() {
    in_.erase(0, consumed_);
    scanned_ -= consumed_;
    consumed_ = 0;
    for (;;) {
        const std::size_t before = in_.size();
        in_.resize(before + k_read_bytes);
        const auto got = ::recv(fd_.get(), in_.data() + before, k_read_bytes, 0);
        const int saved = errno;
        in_.resize(before + static_cast<std::size_t>(got > 0 ? got : 0));
        if (got == 0) return ReadState::ended;
        if (got < 0) {
            if (saved == EINTR) continue;
            if (saved == EAGAIN || saved == EWOULDBLOCK) return ReadState::more;
            return fail(error_from_errno(saved, "recv"));
        }
        // Complete lines are the caller's to take first; only an unfinished one can be too long.
        const auto newline = in_.rfind('\n');
        const std::size_t open =
            newline == std::string::npos ? in_.size() : in_.size() - newline - 1;
        const auto first = in_.find('\n', scanned_);
        const std::size_t first_size = first == std::string::npos ? in_.size() : first;
        if (open > limits_.line_max || first_size > limits_.line_max) {
            return fail(ErrorCode::refused,
                        fmt::format("a line is longer than {} bytes", limits_.line_max));
        }
        if (newline != std::string::npos) return ReadState::more;
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

Status LineChannel::send_line(std::string_view line) {
    if (out_.size() - sent_ + line.size() + 1 > limits_.unsent_max) {
        return fail(ErrorCode::refused,
                    fmt::format("the peer left {} bytes unread", out_.size() - sent_));
    }
    out_.erase(0, sent_);
    sent_ = 0;
    out_.append(line);
    out_.push_back('\n');
    return {};
}

Result<bool> LineChannel::write_some() {
    while (sent_ < out_.size()) {
        const auto put = ::send(fd_.get(), out_.data() + sent_, out_.size() - sent_, MSG_NOSIGNAL);
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
