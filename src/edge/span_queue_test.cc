#include "edge/span_queue.h"

#include <string>
#include <vector>

#include <boost/json.hpp>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "edge/limits.h"

namespace moln::edge {
namespace {

std::string lines(std::size_t count, std::size_t bytes) {
    std::string text;
    for (std::size_t i = 0; i < count; ++i) text += std::string(bytes, 'x') + "\n";
    return text;
}

TEST(SpanQueue, spans_come_out_in_order_with_commas_between) {
    SpanQueue queue(1000);
    queue.add("{\"a\":1}\n{\"b\":2}\n");
    queue.add("{\"c\":3}\n");
    const auto batch = queue.take();
    ASSERT_TRUE(batch);
    EXPECT_EQ(batch->spans, "{\"a\":1},{\"b\":2},{\"c\":3}");
    EXPECT_EQ(batch->count, 3);
    EXPECT_TRUE(queue.empty());
    EXPECT_EQ(queue.bytes(), 0U);
    EXPECT_FALSE(queue.take());
}

TEST(SpanQueue, a_batch_has_so_many_spans_and_not_one_more) {
    SpanQueue queue(k_span_queue_bytes_max);
    queue.add(lines(k_span_batch_spans_max, 10));
    EXPECT_FALSE(queue.has_full());
    queue.add(lines(1, 10));
    EXPECT_TRUE(queue.has_full());
    EXPECT_EQ(queue.take()->count, static_cast<std::int64_t>(k_span_batch_spans_max));
    EXPECT_EQ(queue.take()->count, 1);
}

TEST(SpanQueue, a_batch_has_so_many_bytes_and_not_one_more) {
    SpanQueue queue(k_span_queue_bytes_max);
    queue.add(lines(1, k_span_batch_bytes_max - 11));
    queue.add(lines(1, 10));
    EXPECT_FALSE(queue.has_full());
    EXPECT_EQ(queue.take()->spans.size(), k_span_batch_bytes_max);
    queue.add(lines(1, k_span_batch_bytes_max - 10));
    queue.add(lines(1, 10));
    EXPECT_TRUE(queue.has_full());
}

TEST(SpanQueue, when_it_is_full_the_oldest_batch_goes) {
    SpanQueue queue(2 * k_span_batch_spans_max * 10);
    for (int i = 0; i < 3; ++i) queue.add(lines(k_span_batch_spans_max, 9));
    queue.add("newest\n");
    EXPECT_GT(queue.dropped(), 0);
    EXPECT_EQ(queue.dropped() % static_cast<std::int64_t>(k_span_batch_spans_max), 0);
    std::string last;
    while (const auto batch = queue.take()) last = batch->spans;
    EXPECT_TRUE(last.ends_with("newest"));
}

TEST(SpanQueue, a_span_that_never_fits_is_dropped_alone) {
    SpanQueue queue(10);
    queue.add("12345678901\n1234567890\n");
    EXPECT_EQ(queue.dropped(), 1);
    EXPECT_EQ(queue.take()->spans, "1234567890");
}

TEST(SpanQueue, every_span_comes_out_or_is_counted_and_the_bound_holds) {
    EXPECT_TRUE(rc::check("kept or counted", [] {
        const auto bound = *rc::gen::inRange<std::size_t>(0, 40'000);
        SpanQueue queue(bound);
        std::int64_t added = 0;
        std::int64_t out = 0;
        const auto sizes =
            *rc::gen::container<std::vector<std::size_t>>(rc::gen::inRange<std::size_t>(1, 5000));
        for (const auto size : sizes) {
            queue.add(lines(size % 7, size));
            added += static_cast<std::int64_t>(size % 7);
            RC_ASSERT(queue.bytes() <= bound);
            if (size % 5 == 0) {
                if (const auto batch = queue.take()) out += batch->count;
            }
        }
        while (const auto batch = queue.take()) out += batch->count;
        RC_ASSERT(queue.bytes() == 0);
        RC_ASSERT(out + queue.dropped() == added);
    }));
}

TEST(RequestBody, is_an_export_request_of_one_resource) {
    const auto body = boost::json::parse(
        request_body({.instance = "i-\"1", .host = "node\n1", .pid = 42},
                     {.spans = "{\"name\":\"a\"},{\"name\":\"b\"}", .count = 2}));
    const auto& one = body.at("resourceSpans").as_array().at(0);
    const auto& attributes = one.at("resource").at("attributes").as_array();
    const auto value = [&](std::size_t i) { return attributes.at(i).at("value"); };
    EXPECT_EQ(value(0).at("stringValue").as_string(), "moln-edge");
    EXPECT_EQ(value(1).at("stringValue").as_string(), "i-\"1");
    EXPECT_EQ(value(2).at("stringValue").as_string(), "node\n1");
    EXPECT_EQ(value(3).at("intValue").as_string(), "42");
    EXPECT_EQ(one.at("scopeSpans").as_array().at(0).at("spans").as_array().size(), 2U);
}

}  // namespace
}  // namespace moln::edge
