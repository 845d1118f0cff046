#include "edge/span_line.h"

#include <array>
#include <string>

#include <boost/json.hpp>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "edge/limits.h"

namespace moln::edge {
namespace {

namespace json = boost::json;

constexpr std::array<std::uint8_t, 16> k_trace = {0x0a, 0xf7, 0x65, 0x19, 0x16, 0xcd, 0x43, 0xdd,
                                                  0x84, 0x48, 0xeb, 0x21, 0x1c, 0x80, 0x31, 0x9c};
constexpr std::array<std::uint8_t, 8> k_span = {0xb7, 0xad, 0x6b, 0x71, 0x69, 0x20, 0x33, 0x31};
constexpr std::array<std::uint8_t, 8> k_parent = {0, 0, 0, 0, 0, 0, 0, 9};

std::string line_of(const SpanRecord& record) {
    std::array<char, k_span_line_max> out;
    return {out.data(), format_span(record, out)};
}

// Of an attribute: its value, as the kind says it; "" if there is none.
std::string attribute(const json::value& span, std::string_view key) {
    for (const auto& one : span.at("attributes").as_array()) {
        if (one.at("key").as_string() != key) continue;
        const auto& value = one.at("value").as_object();
        EXPECT_EQ(value.size(), 1U);
        const auto& text = value.begin()->value().as_string();
        return {text.data(), text.size()};
    }
    return "";
}

TEST(SpanLine, says_everything_of_a_request) {
    EXPECT_EQ(line_of({.trace_id = k_trace,
                       .span_id = k_span,
                       .parent_id = k_parent,
                       .trace_state = "rojo=1,congo=2",
                       .begin_ns = 1'700'000'000'123'456'789,
                       .end_ns = 1'700'000'000'223'456'789,
                       .method = "GET",
                       .route = "/api",
                       .path = "/api/a\"b",
                       .scheme = "https",
                       .host = "shop.example.org",
                       .port = 443,
                       .client = "192.0.2.7",
                       .user_agent = "curl/7.88",
                       .http = "2",
                       .status = 200,
                       .app = "default/shop",
                       .process = "web",
                       .instance = "web-1",
                       .queue_us = 20,
                       .retries = 1,
                       .cache = "miss"}),
              R"({"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331",)"
              R"("parentSpanId":"0000000000000009","traceState":"rojo=1,congo=2","flags":769,)"
              R"("name":"GET /api","kind":2,"startTimeUnixNano":"1700000000123456789",)"
              R"("endTimeUnixNano":"1700000000223456789","attributes":[)"
              R"({"key":"http.request.method","value":{"stringValue":"GET"}},)"
              R"({"key":"http.route","value":{"stringValue":"/api"}},)"
              R"({"key":"url.path","value":{"stringValue":"/api/a\"b"}},)"
              R"({"key":"url.scheme","value":{"stringValue":"https"}},)"
              R"({"key":"server.address","value":{"stringValue":"shop.example.org"}},)"
              R"({"key":"server.port","value":{"intValue":"443"}},)"
              R"({"key":"client.address","value":{"stringValue":"192.0.2.7"}},)"
              R"({"key":"user_agent.original","value":{"stringValue":"curl/7.88"}},)"
              R"({"key":"network.protocol.version","value":{"stringValue":"2"}},)"
              R"({"key":"http.response.status_code","value":{"intValue":"200"}},)"
              R"({"key":"moln.app","value":{"stringValue":"default/shop"}},)"
              R"({"key":"moln.process","value":{"stringValue":"web"}},)"
              R"({"key":"moln.instance","value":{"stringValue":"web-1"}},)"
              R"({"key":"moln.queue_us","value":{"intValue":"20"}},)"
              R"({"key":"moln.retries","value":{"intValue":"1"}},)"
              R"({"key":"moln.cache","value":{"stringValue":"miss"}}],"status":{}})"
              "\n");
}

SpanRecord a_try() {
    return {.kind = SpanKind::client,
            .trace_id = k_trace,
            .span_id = k_span,
            .parent_id = k_parent,
            .begin_ns = 1,
            .end_ns = 2,
            .method = "GET",
            .path = "/a\"b",
            .scheme = "http",
            .host = "10.0.0.5",
            .port = 8080,
            .user_agent = "not told",
            .http = "1.1",
            .status = 200,
            .app = "default/shop",
            .process = "web",
            .instance = "web-1",
            .resends = 2};
}

TEST(SpanLine, says_everything_of_a_try) {
    EXPECT_EQ(line_of(a_try()),
              R"({"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331",)"
              R"("parentSpanId":"0000000000000009","flags":257,"name":"GET","kind":3,)"
              R"("startTimeUnixNano":"1","endTimeUnixNano":"2","attributes":[)"
              R"({"key":"http.request.method","value":{"stringValue":"GET"}},)"
              R"({"key":"url.full","value":{"stringValue":"http://10.0.0.5:8080/a\"b"}},)"
              R"({"key":"server.address","value":{"stringValue":"10.0.0.5"}},)"
              R"({"key":"server.port","value":{"intValue":"8080"}},)"
              R"({"key":"network.protocol.version","value":{"stringValue":"1.1"}},)"
              R"({"key":"http.request.resend_count","value":{"intValue":"2"}},)"
              R"({"key":"http.response.status_code","value":{"intValue":"200"}},)"
              R"({"key":"moln.app","value":{"stringValue":"default/shop"}},)"
              R"({"key":"moln.process","value":{"stringValue":"web"}},)"
              R"({"key":"moln.instance","value":{"stringValue":"web-1"}}],"status":{}})"
              "\n");
}

TEST(SpanLine, a_try_fails_by_a_word_or_by_any_4xx_and_5xx) {
    const auto error_of = [](std::uint16_t status, std::string_view word) {
        auto record = a_try();
        record.status = status;
        record.error = word;
        const auto span = json::parse(line_of(record));
        const bool failed = span.at("status").as_object().contains("code");
        return std::pair(failed, attribute(span, "error.type"));
    };
    using Pair = std::pair<bool, std::string>;
    EXPECT_EQ(error_of(399, ""), Pair(false, ""));
    EXPECT_EQ(error_of(400, ""), Pair(true, "400"));
    EXPECT_EQ(error_of(500, ""), Pair(true, "500"));
    EXPECT_EQ(error_of(0, "answer_timeout"), Pair(true, "answer_timeout"));
    EXPECT_EQ(error_of(200, "broken_off"), Pair(true, "broken_off"));
}

TEST(SpanLine, a_try_of_any_bytes_is_valid_json_and_fits) {
    EXPECT_TRUE(rc::check("valid", [](const std::string& text, std::uint16_t times) {
        std::string longer;
        for (int i = 0; i < times % 200; ++i) longer += text;
        auto record = a_try();
        record.method = record.path = record.host = record.app = record.process = longer;
        record.instance = record.error = longer;
        const auto line = line_of(record);
        RC_ASSERT(!line.empty());
        boost::json::error_code error;
        (void)boost::json::parse(line, error);
        RC_ASSERT(!error);
    }));
}

TEST(SpanLine, the_address_of_ipv6_stands_in_brackets) {
    auto record = a_try();
    record.host = "fd00::1";
    EXPECT_EQ(attribute(json::parse(line_of(record)), "url.full"), "http://[fd00::1]:8080/a\"b");
}

TEST(SpanLine, the_first_of_a_trace_has_no_parent) {
    const auto span =
        json::parse(line_of({.trace_id = k_trace, .span_id = k_span, .method = "GET"}));
    EXPECT_FALSE(span.as_object().contains("parentSpanId"));
    EXPECT_EQ(span.at("flags").as_int64(), 0x101);
    EXPECT_EQ(span.at("name").as_string(), "GET");
}

TEST(SpanLine, only_a_5xx_or_a_broken_answer_is_an_error) {
    const auto status_of = [](std::uint16_t status, bool broken) {
        const auto span = json::parse(line_of({.trace_id = k_trace,
                                               .span_id = k_span,
                                               .method = "GET",
                                               .status = status,
                                               .broken = broken}));
        const auto* code = span.at("status").as_object().if_contains("code");
        return std::pair(code == nullptr ? 0 : code->as_int64(), attribute(span, "error.type"));
    };
    using Pair = std::pair<std::int64_t, std::string>;
    EXPECT_EQ(status_of(200, false), Pair(0, ""));
    EXPECT_EQ(status_of(404, false), Pair(0, ""));
    EXPECT_EQ(status_of(499, false), Pair(0, ""));
    EXPECT_EQ(status_of(500, false), Pair(2, "500"));
    EXPECT_EQ(status_of(503, false), Pair(2, "503"));
    EXPECT_EQ(status_of(200, true), Pair(2, "broken_off"));
    EXPECT_EQ(status_of(0, false), Pair(0, ""));
}

TEST(SpanLine, a_method_that_nobody_knows_makes_no_new_name) {
    const auto span = json::parse(line_of({.trace_id = k_trace,
                                           .span_id = k_span,
                                           .method = "FROB",
                                           .method_known = false,
                                           .route = "/"}));
    EXPECT_EQ(span.at("name").as_string(), "HTTP /");
    EXPECT_EQ(attribute(span, "http.request.method"), "_OTHER");
    EXPECT_EQ(attribute(span, "http.request.method_original"), "FROB");
    EXPECT_EQ(attribute(span, "http.response.status_code"), "");
}

SpanRecord full_of(const std::string& text) {
    return {.trace_id = k_trace,
            .span_id = k_span,
            .parent_id = k_parent,
            .trace_state = text,
            .begin_ns = INT64_MIN,
            .end_ns = INT64_MIN,
            .method = text,
            .method_known = false,
            .route = text,
            .path = text,
            .scheme = text,
            .host = text,
            .port = 65535,
            .client = text,
            .user_agent = text,
            .http = text,
            .status = 599,
            .app = text,
            .process = text,
            .instance = text,
            .queue_us = INT64_MIN,
            .retries = UINT32_MAX,
            .cache = text};
}

TEST(SpanLine, any_bytes_give_one_line_of_valid_json) {
    EXPECT_TRUE(rc::check("valid", [](const std::string& text) {
        const auto line = line_of(full_of(text));
        RC_ASSERT(line.find('\n') == line.size() - 1);
        json::error_code error;
        (void)json::parse(line, error);
        RC_ASSERT(!error);
    }));
}

TEST(SpanLine, the_longest_fields_are_cut_and_still_fit) {
    for (const char c : {'\x01', '"', 'a'}) {
        auto record = full_of(std::string(100'000, c));
        for (const bool known : {false, true}) {
            record.method_known = known;
            const auto line = line_of(record);
            EXPECT_FALSE(line.empty());
            json::error_code error;
            (void)json::parse(line, error);
            EXPECT_FALSE(error);
        }
    }
}

TEST(SpanLine, a_buffer_too_small_gives_nothing) {
    std::array<char, k_span_line_max> out;
    const auto record = full_of("text");
    const auto size = format_span(record, out);
    ASSERT_NE(size, 0U);
    EXPECT_EQ(format_span(record, std::span(out).first(size)), size);
    EXPECT_EQ(format_span(record, std::span(out).first(size - 1)), 0U);
}

}  // namespace
}  // namespace moln::edge
