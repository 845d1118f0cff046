// What RFC 9113 forbids and nghttp2 lets pass, judged frame by frame before nghttp2 sees each: with
// which connection error it ends, if it does. Values: no IO.
//
// - DATA or HEADERS on a stream that the peer has ended or reset (5.1), or that it has skipped
//   (5.1.1). Those of a stream that we have reset are on their way still, and nothing is said.
// - PRIORITY on stream 0 (6.3), and of a stream on itself (RFC 7540 5.3.1, which suites still ask).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace moln::h2 {

enum class Breach : std::uint8_t { protocol, stream_closed };

// The peer's streams as far as what it may still send there goes.
class PeerStreams {
public:
    // A head that opens a stream comes by.
    void note_opened(std::int32_t id);
    // We have reset it while the peer could still send.
    void note_reset_by_us(std::int32_t id);
    // DATA or HEADERS for a stream that is closed.
    std::optional<Breach> judge_late_frame(std::int32_t id) const;

private:
    // As many as can be open at once: what was sent before it was opened is through by then.
    static constexpr std::size_t k_resets_kept = 128;

    std::int32_t last_ = 0;
    std::int32_t first_skipped_ = 0;  // 0: none was
    std::array<std::int32_t, k_resets_kept> resets_{};
    std::size_t resets_at_ = 0;
};

// Cuts bytes that come in any pieces at the bounds of frames.
class FrameWalk {
public:
    // Skips what is no frame: a client's preface.
    explicit FrameWalk(std::size_t skip_bytes) : skip_(skip_bytes) {}

    struct Piece {
        std::size_t bytes = 0;  // of the front: up to the frame's end, or all there are
        bool begins = false;    // the frame's head became known with them
        std::uint8_t type = 0;
        std::int32_t stream = 0;
        std::size_t length = 0;       // of the payload
        std::int32_t depends_on = 0;  // of PRIORITY; 0 also when its payload is too short
    };
    Piece next(std::string_view bytes);

private:
    static constexpr std::size_t k_head_bytes = 9;
    static constexpr std::size_t k_dependency_bytes = 4;

    std::size_t wanted() const;

    std::array<unsigned char, k_head_bytes + k_dependency_bytes> head_;
    std::size_t have_ = 0;
    std::size_t skip_;
};

}  // namespace moln::h2
