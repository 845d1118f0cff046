#include "edge/span_queue.h"

#include <boost/json.hpp>
#include <fmt/format.h>

#include "edge/limits.h"

namespace moln::edge {
namespace {

std::string quoted(std::string_view text) {
    return boost::json::serialize(boost::json::string(text));
}

}  // namespace

std::string request_body(const SpanResource& resource, const SpanBatch& batch) {
    return fmt::format(R"({{"resourceSpans":[{{"resource":{{"attributes":[)"
                       R"({{"key":"service.name","value":{{"stringValue":"moln-edge"}}}},)"
                       R"({{"key":"service.instance.id","value":{{"stringValue":{}}}}},)"
                       R"({{"key":"host.name","value":{{"stringValue":{}}}}},)"
                       R"({{"key":"process.pid","value":{{"intValue":"{}"}}}})"
                       R"(]}},"scopeSpans":[{{"scope":{{"name":"moln.edge"}},"spans":[{}]}}]}}]}})",
                       quoted(resource.instance), quoted(resource.host), resource.pid, batch.spans);
}

void SpanQueue::add(std::string_view lines) {
    while (!lines.empty()) {
        const auto end = lines.find('\n');
        const auto span = lines.substr(0, end);
        lines.remove_prefix(end == std::string_view::npos ? lines.size() : end + 1);
        if (!span.empty()) add_one(span);
    }
}

void SpanQueue::add_one(std::string_view span) {
    const bool fresh = batches_.empty() ||
                       batches_.back().count >= static_cast<std::int64_t>(k_span_batch_spans_max) ||
                       batches_.back().spans.size() + 1 + span.size() > k_span_batch_bytes_max;
    const std::size_t more = span.size() + (fresh ? 0 : 1);
    // Whatever goes: the span to be added is the newest.
    while (bytes_ + more > bytes_max_ && (batches_.size() > 1 || (fresh && !batches_.empty()))) {
        drop_oldest();
    }
    if (bytes_ + more > bytes_max_) {
        ++dropped_;
        return;
    }
    if (fresh) batches_.emplace_back();
    SpanBatch& batch = batches_.back();
    if (batch.count != 0) batch.spans += ',';
    batch.spans += span;
    ++batch.count;
    bytes_ += more;
}

void SpanQueue::drop_oldest() {
    bytes_ -= batches_.front().spans.size();
    dropped_ += batches_.front().count;
    batches_.pop_front();
}

std::optional<SpanBatch> SpanQueue::take() {
    if (batches_.empty()) return std::nullopt;
    SpanBatch batch = std::move(batches_.front());
    batches_.pop_front();
    bytes_ -= batch.spans.size();
    return batch;
}

}  // namespace moln::edge
