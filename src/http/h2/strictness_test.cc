#include "http/h2/strictness.h"

#include <string>

#include <gtest/gtest.h>

namespace moln::h2 {
namespace {

TEST(PeerStreams_late, what_was_opened_is_closed_what_was_skipped_never_was) {
    PeerStreams streams;
    streams.note_opened(1);
    streams.note_opened(3);
    EXPECT_EQ(streams.judge_late_frame(1), Breach::stream_closed);
    EXPECT_EQ(streams.judge_late_frame(5), std::nullopt);  // idle
    EXPECT_EQ(streams.judge_late_frame(2), std::nullopt);
    streams.note_opened(9);
    EXPECT_EQ(streams.judge_late_frame(3), Breach::stream_closed);
    EXPECT_EQ(streams.judge_late_frame(5), Breach::protocol);
}

TEST(PeerStreams_late, what_we_reset_may_still_come_for_a_while) {
    PeerStreams streams;
    std::int32_t id = 1;
    for (int i = 0; i < 128; ++i, id += 2) {
        streams.note_opened(id);
        streams.note_reset_by_us(id);
    }
    EXPECT_EQ(streams.judge_late_frame(1), std::nullopt);
    streams.note_opened(id);
    streams.note_reset_by_us(id);
    EXPECT_EQ(streams.judge_late_frame(1), Breach::stream_closed);
    EXPECT_EQ(streams.judge_late_frame(3), std::nullopt);
}

std::string frame(unsigned char type, unsigned char stream, const std::string& payload) {
    std::string text(9, '\0');
    text[2] = static_cast<char>(payload.size());
    text[3] = static_cast<char>(type);
    text[8] = static_cast<char>(stream);
    return text + payload;
}

struct Seen {
    std::size_t frames = 0;
    std::int32_t last_dependency = 0;
    std::string text;
    friend bool operator==(const Seen&, const Seen&) = default;
};

// As a receiver does: pieces of any size, walked to their end.
Seen walk(const std::string& text, std::size_t piece_bytes) {
    FrameWalk frames(3);
    Seen seen;
    const std::string all = "PRI" + text;
    for (std::size_t at = 0; at < all.size(); at += piece_bytes) {
        auto bytes = std::string_view(all).substr(at, piece_bytes);
        while (!bytes.empty()) {
            const auto piece = frames.next(bytes);
            seen.text += bytes.substr(0, piece.bytes);
            bytes.remove_prefix(piece.bytes);
            if (!piece.begins) continue;
            ++seen.frames;
            if (piece.type == 2) seen.last_dependency = piece.depends_on;
        }
    }
    return seen;
}

TEST(FrameWalk_frames, are_found_in_any_pieces) {
    const std::string own("\0\0\0\1\xff", 5);
    const std::string text = frame(6, 0, "12345678") + frame(0, 1, frame(2, 1, own)) +
                             frame(4, 0, "") + frame(2, 3, own);
    const Seen whole{.frames = 4, .last_dependency = 1, .text = "PRI" + text};
    for (std::size_t piece = 1; piece <= text.size() + 3; ++piece) {
        EXPECT_EQ(walk(text, piece), whole) << piece;
    }
}

TEST(FrameWalk_priority, a_short_one_depends_on_nothing) {
    EXPECT_EQ(walk(frame(2, 1, "abc"), 1).last_dependency, 0);
    EXPECT_EQ(walk(frame(2, 1, std::string("\x80\0\0\5\xff", 5)), 100).last_dependency, 5);
}

}  // namespace
}  // namespace moln::h2
