// Spans that wait for the collector, in batches, each the body of one request to it. Bounded: when
// the collector is slow or away, the oldest go. Not the sending: runtime/edge/span_exporter.h.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

namespace moln::edge {

// What the spans are of.
struct SpanResource {
    std::string instance;  // service.instance.id
    std::string host;      // host.name
    std::int64_t pid = 0;
};

struct SpanBatch {
    std::string spans;  // with commas between them
    std::int64_t count = 0;
};

// The body of an OTLP/HTTP request (ExportTraceServiceRequest, JSON).
std::string request_body(const SpanResource& resource, const SpanBatch& batch);

class SpanQueue {
public:
    explicit SpanQueue(std::size_t bytes_max) : bytes_max_(bytes_max) {}

    // Whole lines of format_span().
    void add(std::string_view lines);
    // The oldest; no longer here, nor counted against the bound.
    std::optional<SpanBatch> take();

    bool empty() const { return batches_.empty(); }
    // Is there one to which no more is added?
    bool has_full() const { return batches_.size() > 1; }
    std::size_t bytes() const { return bytes_; }
    std::int64_t dropped() const { return dropped_; }  // spans, so far

private:
    void add_one(std::string_view span);
    void drop_oldest();

    std::size_t bytes_max_;
    std::size_t bytes_ = 0;
    std::int64_t dropped_ = 0;
    std::deque<SpanBatch> batches_;
};

}  // namespace moln::edge
