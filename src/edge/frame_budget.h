// What a client of HTTP/2 may ask of a connection beside its requests. Frames that move nothing
// (SETTINGS, PING, PRIORITY, WINDOW_UPDATE, empty DATA, refused ones) cost a point each; requests
// that are taken in, body bytes and time earn points. Resets of requests have a purse of their own,
// which only time fills (CVE-2023-44487): each cost the instance a request. Who is out of points is
// sent away.
#pragma once

#include <cstddef>
#include <cstdint>

#include "http/h2/session.h"

namespace moln::edge {

class FrameBudget {
public:
    static constexpr std::int64_t k_points_max = 4000;
    static constexpr std::int64_t k_points_per_second = 100;
    static constexpr std::int64_t k_points_per_request = 8;
    static constexpr std::uint64_t k_bytes_per_point = 4096;  // of bodies, both ways together
    static constexpr std::int64_t k_resets_max = 1000;
    static constexpr std::int64_t k_resets_per_second = 100;

    explicit FrameBudget(std::int64_t now_ms) : filled_ms_(now_ms) {}

    // False: out of points.
    bool note_frame(h2::FrameKind kind, std::size_t payload_bytes, std::int64_t now_ms);
    // Its head is here; that a frame begins one earns nothing, for it may be refused.
    void note_request() { earn(k_points_per_request); }
    // Of a response's body.
    void note_sent(std::size_t bytes) { earn_bytes(bytes); }

private:
    void fill(std::int64_t now_ms);
    void earn(std::int64_t points);
    void earn_bytes(std::size_t bytes);
    static bool spend(std::int64_t& purse);

    std::int64_t points_ = k_points_max;
    std::int64_t resets_ = k_resets_max;
    std::int64_t filled_ms_;
    std::uint64_t bytes_ = 0;  // that have not made a point yet
};

}  // namespace moln::edge
