// W3C Trace Context (the traceparent field, version 00). Pure: fresh ids are made of random
// bytes that the caller gives.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "http/head.h"

namespace moln::http {

inline constexpr std::size_t k_traceparent_bytes = 55;  // 00-<32>-<16>-<2>
inline constexpr std::size_t k_trace_random_bytes = 24;

// Of the flags. The second says that the trace's id is random, for who samples by it (level 2).
inline constexpr std::uint8_t k_trace_sampled = 1;
inline constexpr std::uint8_t k_trace_random = 2;

struct TraceContext {
    std::array<std::uint8_t, 16> trace_id{};
    std::array<std::uint8_t, 8> parent_id{};
    std::uint8_t flags = 0;  // of those two
    bool continued = false;  // from the client; else begun here, and its tracestate is dropped

    bool sampled() const { return (flags & k_trace_sampled) != 0; }
    friend bool operator==(const TraceContext&, const TraceContext&) = default;
};

// Strict: lower-case hex, no zero ids, version not ff; a later version's first four parts count.
std::optional<TraceContext> parse_traceparent(std::string_view value);

// The client's context as it is, or (none, invalid or several) a new trace that is not sampled.
// Sent on so, it is as if nobody had been in between: who makes a span of the request puts that
// span's id in the place of the parent's (3.4 of the recommendation). `random` is used once.
TraceContext continue_trace(const RequestHead& head,
                            std::span<const std::uint8_t, k_trace_random_bytes> random);

// The id of a span, of random bytes that are used for nothing else.
std::array<std::uint8_t, 8> span_id(std::span<const std::uint8_t, 8> random);

void format_traceparent(const TraceContext& trace, std::span<char, k_traceparent_bytes> out);

}  // namespace moln::http
