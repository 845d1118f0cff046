#include "edge/tracing.h"

#include <algorithm>

namespace moln::edge {
namespace {

constexpr std::size_t k_random_bytes = 7;                      // of a trace's id, its last
constexpr std::uint64_t k_all = 1ull << (8 * k_random_bytes);  // ids are below; exact as a double

}  // namespace

SampleShare::SampleShare(double share)
    : below_(share > 0
                 ? static_cast<std::uint64_t>(std::min(share, 1.0) * static_cast<double>(k_all))
                 : 0) {}

bool SampleShare::has(const std::array<std::uint8_t, 16>& trace_id) const {
    std::uint64_t number = 0;
    for (const std::uint8_t byte : std::span(trace_id).last<k_random_bytes>()) {
        number = number << 8 | byte;
    }
    return number < below_;
}

bool SpanBudget::take(std::int64_t now_ms) {
    const std::int64_t second = now_ms / 1000;
    if (second != second_) {
        second_ = second;
        left_ = per_second_;
    }
    if (left_ == 0) return false;
    --left_;
    return true;
}

TraceChoice choose_trace(const http::TraceContext& received,
                         std::span<const std::uint8_t, 8> random, const SampleShare& share,
                         SpanBudget& budget, std::int64_t now_ms) {
    TraceChoice choice{.sent = received};
    const bool wanted = received.continued ? received.sampled() : share.has(received.trace_id);
    if (!wanted) return choice;
    if (!budget.take(now_ms)) {
        choice.over_budget = true;
        return choice;
    }
    choice.recorded = true;
    if (received.continued) choice.caller_span = received.parent_id;
    choice.sent.flags |= http::k_trace_sampled;
    choice.sent.parent_id = http::span_id(random);
    return choice;
}

}  // namespace moln::edge
