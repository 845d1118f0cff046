// A request's span, or that of a try at an instance, as a line of OTLP's JSON, made of values
// without allocating: an object of ExportTraceServiceRequest.resourceSpans.scopeSpans.spans
// (opentelemetry-proto 1.x, docs/specification.md "JSON Protobuf Encoding"). Names are of the
// semantic conventions for HTTP spans, stable since 1.23; those of Moln's own begin with "moln.".
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace moln::edge {

// Span.SpanKind of OTLP.
enum class SpanKind : std::uint8_t {
    server = 2,  // a request, of its client
    client = 3,  // a try at an instance, of a request that has a span here
};

struct SpanRecord {
    SpanKind kind = SpanKind::server;
    std::span<const std::uint8_t, 16> trace_id;
    std::span<const std::uint8_t, 8> span_id;
    std::span<const std::uint8_t> parent_id = {};  // 8 bytes, or none: the trace began here
    std::uint8_t trace_flags = 1;                  // of traceparent; a span's trace is sampled
    std::string_view trace_state = {};             // tracestate, its lines joined
    std::int64_t begin_ns = 0;                     // since 1970
    std::int64_t end_ns = 0;
    std::string_view method = {};  // as received
    bool method_known = true;      // else it is named _OTHER
    std::string_view route = {};   // the route's path; "" of none
    std::string_view path = {};    // without the query, which may hold secrets
    std::string_view scheme = {};
    std::string_view host = {};  // without the port; of a try the instance's address
    std::uint16_t port = 0;
    std::string_view client = {};      // address
    std::string_view user_agent = {};  // "": not told
    std::string_view http = {};        // "1.0", "1.1", "2"
    std::uint16_t status = 0;          // 0: the client left before an answer
    bool broken = false;               // the answer was begun and broke off
    std::string_view app = {};         // "" when no route matched
    std::string_view process = {};
    std::string_view instance = {};  // "" when none answered
    std::int64_t queue_us = 0;       // waiting for an instance
    std::uint32_t retries = 0;
    std::string_view cache = {};  // "hit", "miss", "pass"; "" without a cache
    std::string_view error = {};  // of a try: a word for why no answer came of it, or not all
    std::uint32_t resends = 0;    // of a try: so many came before it
};

// Writes the object with a newline behind it and returns its size; 0 when `out` is too small
// (k_span_line_max always suffices). Long fields are cut. Between spans of one request the newline
// becomes a comma: see span_queue.h.
std::size_t format_span(const SpanRecord& record, std::span<char> out);

}  // namespace moln::edge
