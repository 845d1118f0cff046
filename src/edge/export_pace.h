// What follows an answer of the collector, or none: whether a batch is taken, sent again or lost,
// and when the next request may go. As OTLP 1.x has it (specification.md, "OTLP/HTTP Response").
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/units.h"

namespace moln::edge {

enum class ExportVerdict : std::uint8_t {
    taken,
    again,  // the collector is away or has too much to do
    lost,   // it will never take this one
};

// `status` 0: there was no answer.
ExportVerdict export_verdict(std::uint16_t status);

// Retry-After (RFC 9110 10.2.3), seconds or a date; nothing if it is neither. At most
// k_export_retry_after_max, at least 0.
std::optional<Milliseconds> retry_after(std::string_view text, WallTime now);

// The spans that a 2xx answer says were not taken (partialSuccess.rejectedSpans); 0 for an answer
// that says nothing of the kind, or nothing that is understood.
std::int64_t rejected_spans(std::string_view body);

// Exponential back-off with jitter: half of each pause is a matter of luck, so that edges that lost
// a collector together do not come back to it together.
class ExportPace {
public:
    // When the next may go: `dice` is any number, `asked` the collector's Retry-After.
    MonoTime after_failure(MonoTime now, std::uint64_t dice, std::optional<Milliseconds> asked);
    void after_success() { failures_ = 0; }

private:
    int failures_ = 0;  // in a row
};

}  // namespace moln::edge
