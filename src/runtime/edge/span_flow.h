// A request's trace and its span, on the worker's side: from the head's fields to a line in the
// worker's ring. Nothing is allocated; without an exporter no more is done than to read the fields.
#pragma once

#include <cstdint>
#include <string_view>

#include "runtime/edge/core.h"

namespace moln::edge_loop {

// Once the request's head is there.
void begin_trace(Core& core, Exchange& exchange);

// How a request ended.
struct SpanEnd {
    std::int64_t duration_us = 0;
    bool broken = false;  // the answer was begun and broke off
};
// Of an exchange that is recorded.
void record_span(Core& core, const Exchange& exchange, const SpanEnd& end);

// A try at exchange.endpoint begins and ends: one span each, below the request's, if its tries are
// recorded. Past k_try_spans_max of one request, or over the budget, there is none, and what the
// instance does is below the request's own: no trace gets a hole. `error`: a word of
// edge/access_line.h, "" for an answer. To end one that is over already does nothing.
void begin_try(Core& core, Exchange& exchange);
void end_try(Core& core, Exchange& exchange, std::string_view error);
// What the instance is told.
http::TraceContext trace_sent(const Exchange& exchange);

// "hit", "miss", "pass", as routes count it; "" without a cache.
std::string_view cache_word(const Exchange& exchange);

}  // namespace moln::edge_loop
