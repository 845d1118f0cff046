// Of which requests a span is made, and what their instances are told of the trace. Pure: time and
// random bytes are given. What a span says is span_line.h's.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "http/trace.h"

namespace moln::edge {

// The share of the traces begun here that are sampled. By the trace's id alone, so that whoever
// samples by the same rule (OpenTelemetry's TraceIdRatioBased, of the last seven bytes) agrees.
class SampleShare {
public:
    // `share` from 0, none, to 1, all; what is outside is the nearest of the two.
    explicit SampleShare(double share);
    bool has(const std::array<std::uint8_t, 16>& trace_id) const;

private:
    std::uint64_t below_;
};

// At most so many spans a second: clients say what is sampled, and may say it of everything.
// What a second leaves is not carried on to the next.
class SpanBudget {
public:
    explicit SpanBudget(std::uint32_t per_second) : per_second_(per_second) {}
    // `now_ms` never runs backwards.
    bool take(std::int64_t now_ms);

private:
    std::uint32_t per_second_;
    std::uint32_t left_ = 0;
    std::int64_t second_ = -1;
};

struct TraceChoice {
    http::TraceContext sent;                       // to the instance
    std::array<std::uint8_t, 8> caller_span = {};  // parent of the span; zeros: it is the first
    bool recorded = false;                         // a span is made, whose id is sent.parent_id
    bool over_budget = false;                      // one would be
};

// `received` is continue_trace's, `random` fresh. A sampled request over the budget is as one that
// nobody samples if its trace begins here, and passed on as it came if it does not.
TraceChoice choose_trace(const http::TraceContext& received,
                         std::span<const std::uint8_t, 8> random, const SampleShare& share,
                         SpanBudget& budget, std::int64_t now_ms);

}  // namespace moln::edge
