#include "edge/frame_budget.h"

#include <algorithm>

namespace moln::edge {

bool FrameBudget::note_frame(h2::FrameKind kind, std::size_t payload_bytes, std::int64_t now_ms) {
    fill(now_ms);
    switch (kind) {
        case h2::FrameKind::headers: return true;
        case h2::FrameKind::reset: return spend(resets_);
        case h2::FrameKind::data:
            if (payload_bytes == 0) return spend(points_);
            earn_bytes(payload_bytes);
            return true;
        case h2::FrameKind::control:
        case h2::FrameKind::invalid: return spend(points_);
    }
    return false;
}

// Whole points only, so that many calls within a moment earn no less than one.
void FrameBudget::fill(std::int64_t now_ms) {
    constexpr std::int64_t k_ms_per_point = 1000 / k_points_per_second;
    static_assert(k_resets_per_second == k_points_per_second);
    const std::int64_t points = (now_ms - filled_ms_) / k_ms_per_point;
    if (points <= 0) return;
    filled_ms_ += points * k_ms_per_point;
    earn(points);
    resets_ = std::min(resets_ + points, k_resets_max);
}

void FrameBudget::earn(std::int64_t points) {
    points_ = std::min(points_ + points, k_points_max);
}

void FrameBudget::earn_bytes(std::size_t bytes) {
    bytes_ += bytes;
    earn(static_cast<std::int64_t>(bytes_ / k_bytes_per_point));
    bytes_ %= k_bytes_per_point;
}

bool FrameBudget::spend(std::int64_t& purse) {
    if (purse == 0) return false;
    --purse;
    return true;
}

}  // namespace moln::edge
