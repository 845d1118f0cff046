#include "http/h2/strictness.h"

#include <algorithm>

namespace moln::h2 {
namespace {

constexpr unsigned char k_priority = 2;

std::uint32_t number_at(const unsigned char* bytes) {
    return (std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 |
            std::uint32_t{bytes[2]} << 8 | bytes[3]) &
           0x7fffffffu;
}

std::size_t length_in(const unsigned char* head) {
    return std::size_t{head[0]} << 16 | std::size_t{head[1]} << 8 | head[2];
}

}  // namespace

void PeerStreams::note_opened(std::int32_t id) {
    if (id <= last_) return;
    const std::int32_t next = last_ == 0 ? 1 : last_ + 2;
    if (id != next && first_skipped_ == 0) first_skipped_ = next;
    last_ = id;
}

void PeerStreams::note_reset_by_us(std::int32_t id) {
    resets_[resets_at_] = id;
    resets_at_ = (resets_at_ + 1) % resets_.size();
}

std::optional<Breach> PeerStreams::judge_late_frame(std::int32_t id) const {
    if (id <= 0 || id > last_ || id % 2 == 0) return std::nullopt;  // nghttp2 knows these
    if (std::ranges::find(resets_, id) != resets_.end()) return std::nullopt;
    const bool maybe_skipped = first_skipped_ != 0 && id >= first_skipped_;
    return maybe_skipped ? Breach::protocol : Breach::stream_closed;
}

std::size_t FrameWalk::wanted() const {
    const bool more = have_ >= k_head_bytes && head_[3] == k_priority &&
                      length_in(head_.data()) >= k_dependency_bytes;
    return more ? k_head_bytes + k_dependency_bytes : k_head_bytes;
}

FrameWalk::Piece FrameWalk::next(std::string_view bytes) {
    Piece piece;
    const auto skip = [&] {
        const std::size_t skipped = std::min(skip_, bytes.size() - piece.bytes);
        skip_ -= skipped;
        piece.bytes += skipped;
    };
    if (skip_ != 0) {
        skip();
        return piece;
    }
    while (have_ < wanted()) {
        if (piece.bytes == bytes.size()) return piece;
        head_[have_++] = static_cast<unsigned char>(bytes[piece.bytes++]);
    }
    piece.begins = true;
    piece.type = head_[3];
    piece.stream = static_cast<std::int32_t>(number_at(head_.data() + 5));
    piece.length = length_in(head_.data());
    if (have_ == head_.size()) {
        piece.depends_on = static_cast<std::int32_t>(number_at(head_.data() + k_head_bytes));
    }
    skip_ = k_head_bytes + piece.length - have_;
    have_ = 0;
    skip();
    return piece;
}

}  // namespace moln::h2
