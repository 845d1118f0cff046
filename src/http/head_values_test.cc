// What parsed heads say, where their limits are, and how the parser behaves when bytes come in
// pieces.
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "http/head_testing.h"

namespace moln::http {
namespace {

using testing::parse_request;
using testing::parse_request_in;
using testing::parse_response;

TEST(RequestHead, origin_form_is_split_into_path_and_query) {
    const auto parsed = parse_request(
        "GET /a/b?x=1?y HTTP/1.1\r\nHost: Shop.Example:8080\r\nAccept: */*\r\n\r\nrest");
    ASSERT_EQ(parsed.result.progress, Progress::done);
    const RequestHead& head = parsed.head;
    EXPECT_EQ(head.method, Method::get);
    EXPECT_EQ(head.path(), "/a/b");
    EXPECT_TRUE(head.has_query);
    EXPECT_EQ(head.query(), "x=1?y");
    EXPECT_EQ(head.authority(), "Shop.Example:8080");
    EXPECT_EQ(head.host(), "Shop.Example");
    EXPECT_EQ(head.port, 8080);
    EXPECT_TRUE(head.path_is_plain);
    EXPECT_EQ(head.fields.size(), 2u);
    EXPECT_EQ(head.fields.first("accept"), "*/*");
    EXPECT_EQ(parsed.text.substr(parsed.result.consumed), "rest");
}

TEST(RequestHead, absolute_form_gives_the_path_that_the_origin_form_would) {
    const auto path_of = [](std::string_view line) {
        const auto parsed = parse_request(std::string(line) + " HTTP/1.1\r\nHost: a:1\r\n\r\n");
        EXPECT_EQ(parsed.result.progress, Progress::done) << line;
        return std::string(parsed.head.path()) + "?" + std::string(parsed.head.query());
    };
    EXPECT_EQ(path_of("GET http://a:1/x?y"), "/x?y");
    EXPECT_EQ(path_of("GET http://a:1"), "/?");
    EXPECT_EQ(path_of("GET http://a:1?y"), "/?y");
    EXPECT_EQ(path_of("OPTIONS http://a:1"), "*?");
    EXPECT_EQ(path_of("OPTIONS http://a:1/"), "/?");
    EXPECT_EQ(path_of("OPTIONS *"), "*?");
}

TEST(RequestHead, paths_that_need_normalising_are_marked) {
    const auto plain = [](std::string_view path) {
        const auto text = "GET " + std::string(path) + " HTTP/1.1\r\nHost: a\r\n\r\n";
        return parse_request(text).head.path_is_plain;
    };
    EXPECT_TRUE(plain("/a.b/c?%2e/../"));
    EXPECT_FALSE(plain("/a/./b"));
    EXPECT_FALSE(plain("/.."));
    EXPECT_FALSE(plain("/%61"));
    EXPECT_FALSE(plain("//a"));
}

TEST(RequestHead, connection_is_as_long_as_it_may_be_and_no_longer) {
    const auto violation = [](std::size_t first, std::size_t second) {
        const auto text = "GET / HTTP/1.1\r\nHost: a\r\nConnection: " + std::string(first, ',') +
                          "\r\nConnection: x" + std::string(second - 1, ',') + "\r\n\r\n";
        return parse_request(text).result.violation;
    };
    EXPECT_EQ(violation(1000, 24), Violation::none);
    EXPECT_EQ(violation(1, 1023), Violation::none);
    EXPECT_EQ(violation(1000, 25), Violation::connection_too_long);
    EXPECT_EQ(violation(1025, 1), Violation::connection_too_long);
    EXPECT_EQ(violation(16000, 16000), Violation::connection_too_long);
}

TEST(RequestHead, connection_tokens_become_facts) {
    const auto facts = [](std::string_view fields) {
        const auto text = "GET / HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n";
        return parse_request(text).head.facts;
    };
    EXPECT_TRUE(facts("Connection: Close\r\n").close);
    EXPECT_TRUE(facts("Connection: x\r\nConnection: ,keep-alive\r\n").keep_alive);
    EXPECT_TRUE(facts("Connection: keep-alive, Upgrade\r\n").connection_upgrade);
    EXPECT_FALSE(facts("Connection: TE, close, Keep-Alive\r\n").connection_lists_fields);
    EXPECT_TRUE(facts("Connection: close, X-Secret\r\n").connection_lists_fields);
    EXPECT_FALSE(facts("Connection:\r\n").close);
    EXPECT_TRUE(facts("Upgrade: websocket\r\n").has_upgrade);
}

TEST(RequestHead, expect_counts_in_http_1_1_only) {
    EXPECT_TRUE(parse_request("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n")
                    .head.expect_continue);
    const auto old = parse_request("POST / HTTP/1.0\r\nHost: a\r\nExpect: wonders\r\n\r\n");
    EXPECT_EQ(old.result.progress, Progress::done);
    EXPECT_FALSE(old.head.expect_continue);
}

TEST(RequestHead, pipelined_requests_are_taken_one_by_one) {
    const std::string one = "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n";
    const auto first = parse_request(one + "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
    ASSERT_EQ(first.result.consumed, one.size());
    EXPECT_EQ(first.head.path(), "/1");
    EXPECT_EQ(parse_request(first.text.substr(one.size())).head.path(), "/2");
}

TEST(RequestHead, a_head_that_held_another_request_keeps_nothing_of_it) {
    RequestHead head;
    const auto parse = [&](std::string_view text) {
        HeadCursor cursor;
        EXPECT_EQ(parse_request_head(text, {}, cursor, head).progress, Progress::done);
    };
    parse(
        "POST /%41?b HTTP/1.1\r\nHost: a:8080\r\nExpect: 100-continue\r\nContent-Length: 5\r\n"
        "Connection: close, X\r\nUpgrade: x\r\n\r\n");
    const std::string_view plain = "GET / HTTP/1.0\r\nHost: a\r\n\r\n";
    parse(plain);
    EXPECT_EQ(testing::describe(head), testing::describe(parse_request(plain).head));
}

TEST(ResponseHead, a_head_that_held_another_response_keeps_nothing_of_it) {
    ResponseHead head;
    const auto parse = [&](std::string_view text) {
        HeadCursor cursor;
        EXPECT_EQ(parse_response_head(text, {}, cursor, head).progress, Progress::done);
    };
    parse("HTTP/1.1 103 Early\r\nConnection: close\r\nUpgrade: x\r\n\r\n");
    parse("HTTP/1.0 200\r\n\r\n");
    EXPECT_EQ(testing::describe(head),
              testing::describe(parse_response("HTTP/1.0 200\r\n\r\n").head));
}

TEST(RequestHead, every_prefix_of_a_good_head_needs_more) {
    const std::string text =
        "\r\nPOST http://a/x?y HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nX:  y \r\n\r\n";
    for (std::size_t size = 0; size < text.size(); ++size) {
        EXPECT_EQ(parse_request(text.substr(0, size)).result.progress, Progress::need_more) << size;
    }
    EXPECT_EQ(parse_request(text).result.progress, Progress::done);
}

TEST(RequestHead, the_buffer_may_move_between_and_after_calls) {
    const std::string text = "GET /x HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n";
    const auto parsed = parse_request_in({0, 1}, text);
    EXPECT_EQ(describe(parsed), describe(parse_request(text)));
}

TEST(RequestHead, a_head_of_the_limit_is_taken_and_one_byte_more_refused) {
    const std::string text = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    HeadLimits limits;
    limits.head_bytes_max = text.size();
    EXPECT_EQ(parse_request(text, limits).result.progress, Progress::done);
    limits.head_bytes_max = text.size() - 1;
    EXPECT_EQ(parse_request(text, limits).result.violation, Violation::head_too_large);
    EXPECT_EQ(status_of(Violation::head_too_large), 431);
}

TEST(RequestHead, a_head_of_the_highest_limit_keeps_its_offsets) {
    HeadLimits limits;
    limits.head_bytes_max = k_head_bytes_ceiling;
    std::string text = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
    text += std::string(k_head_bytes_ceiling - text.size() - 10, 'x') + "\r\nY: z\r\n";
    text.replace(text.size() - 8, 2, "\r\n");
    text += "\r\n";
    ASSERT_EQ(text.size(), k_head_bytes_ceiling);
    const auto parsed = parse_request(text, limits);
    ASSERT_EQ(parsed.result.progress, Progress::done) << word(parsed.result.violation);
    EXPECT_EQ(parsed.head.fields.first("Y"), "z");
    text.insert(text.size() - 2, "\r");
    EXPECT_EQ(parse_request("\r\n" + text, limits).result.progress, Progress::refused);
}

TEST(RequestHead, a_target_of_the_limit_is_taken_and_one_byte_more_refused) {
    HeadLimits limits;
    limits.target_bytes_max = 10;
    const auto parse = [&](std::size_t size) {
        return parse_request("GET /" + std::string(size - 1, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n",
                             limits);
    };
    EXPECT_EQ(parse(10).result.progress, Progress::done);
    EXPECT_EQ(parse(11).result.violation, Violation::target_too_long);
    EXPECT_EQ(status_of(Violation::target_too_long), 414);
}

TEST(RequestHead, a_method_of_the_limit_is_taken_and_one_byte_more_refused) {
    const auto parse = [&](std::size_t size) {
        return parse_request(std::string(size, 'M') + " / HTTP/1.1\r\nHost: a\r\n\r\n");
    };
    EXPECT_EQ(parse(k_method_bytes_max).result.progress, Progress::done);
    EXPECT_EQ(parse(k_method_bytes_max + 1).result.violation, Violation::bad_method);
}

TEST(RequestHead, as_many_fields_as_the_limit_are_taken_and_one_more_refused) {
    const auto parse = [&](std::size_t fields, const HeadLimits& limits) {
        std::string text = "GET / HTTP/1.1\r\nHost: a\r\n";
        for (std::size_t i = 1; i < fields; ++i) text += "X: y\r\n";
        return parse_request(text + "\r\n", limits).result;
    };
    EXPECT_EQ(parse(k_fields_max, {}).progress, Progress::done);
    EXPECT_EQ(parse(k_fields_max + 1, {}).violation, Violation::too_many_fields);
    HeadLimits limits;
    limits.fields_max = 3;
    EXPECT_EQ(parse(3, limits).progress, Progress::done);
    EXPECT_EQ(parse(4, limits).violation, Violation::too_many_fields);
}

struct BadResponse {
    std::string_view text;
    Violation violation;
    std::string_view neighbour;
};

TEST(ResponseHead, the_bad_is_refused_and_its_neighbour_taken) {
    using enum Violation;
    const BadResponse rows[] = {
        {"HTTP/1.2 200 OK\r\n\r\n", bad_status_line, "HTTP/1.0 200 OK\r\n\r\n"},
        {"HTTP/2 200 OK\r\n\r\n", bad_status_line, "HTTP/1.1 200 OK\r\n\r\n"},
        {"http/1.1 200 OK\r\n\r\n", bad_status_line, "HTTP/1.1 200 OK\r\n\r\n"},
        {"HTTP/1.1  200 OK\r\n\r\n", bad_status_line, "HTTP/1.1 200  OK\r\n\r\n"},
        {"HTTP/1.1 20 OK\r\n\r\n", bad_status_line, "HTTP/1.1 200 \r\n\r\n"},
        {"HTTP/1.1 2000 OK\r\n\r\n", bad_status_line, "HTTP/1.1 200\r\n\r\n"},
        {"HTTP/1.1 200\tOK\r\n\r\n", bad_status_line, "HTTP/1.1 200 \tOK\r\n\r\n"},
        {"HTTP/1.1 099 OK\r\n\r\n", bad_status_line, "HTTP/1.1 100 OK\r\n\r\n"},
        {"HTTP/1.1 600 OK\r\n\r\n", bad_status_line, "HTTP/1.1 599 OK\r\n\r\n"},
        {"HTTP/1.1 200 O\x01K\r\n\r\n", bad_status_line, "HTTP/1.1 200 O\xc3\xa5\r\n\r\n"},
        {"HTTP/1.1 200 OK\n\r\n", bad_line_end, "HTTP/1.1 200 OK\r\n\r\n"},
        {"HTTP/1.1 200\n\r\n", bad_status_line, "HTTP/1.1 200\r\n\r\n"},
        {"HTTP/1.1 200 O\rK\r\n\r\n", bad_line_end, "HTTP/1.1 200 OK\r\n\r\n"},
        {"\r\nHTTP/1.1 200 OK\r\n\r\n", bad_status_line, "HTTP/1.1 200 OK\r\n\r\n"},
        {"HTTP/1.1 200 OK\r\nX : y\r\n\r\n", space_before_colon, "HTTP/1.1 200 OK\r\nX: y\r\n\r\n"},
        {"HTTP/1.1 200 OK\r\nX: y\r\n z\r\n\r\n", folded_line, "HTTP/1.1 200 OK\r\nX: y z\r\n\r\n"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
         duplicate_content_length, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
         content_length_with_transfer_encoding,
         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"},
        {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", transfer_encoding_in_http_1_0,
         "HTTP/1.0 200 OK\r\n\r\n"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", bad_transfer_encoding,
         "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n"},
        {"HTTP/1.1 204 OK\r\nContent-Length: 1\r\n\r\n", framing_not_allowed,
         "HTTP/1.1 204 OK\r\nContent-Length: 0\r\n\r\n"},
        {"HTTP/1.1 204 OK\r\nTransfer-Encoding: chunked\r\n\r\n", framing_not_allowed,
         "HTTP/1.1 304 OK\r\nTransfer-Encoding: chunked\r\n\r\n"},
        {"HTTP/1.1 101 OK\r\nTransfer-Encoding: chunked\r\n\r\n", framing_not_allowed,
         "HTTP/1.1 101 OK\r\n\r\n"},
    };
    for (const BadResponse& row : rows) {
        const auto bad = parse_response(row.text);
        EXPECT_EQ(word(bad.result.violation), word(row.violation)) << row.text;
        const auto good = parse_response(row.neighbour);
        EXPECT_EQ(good.result.progress, Progress::done) << row.neighbour;
    }
}

TEST(ResponseHead, status_version_reason_and_fields_are_given) {
    const auto parsed = parse_response("HTTP/1.0 404 Not Here\r\nSet-Cookie: a\r\n\r\nbody");
    ASSERT_EQ(parsed.result.progress, Progress::done);
    EXPECT_EQ(parsed.head.status, 404);
    EXPECT_EQ(parsed.head.version, Version::http_1_0);
    EXPECT_EQ(parsed.head.reason(), "Not Here");
    EXPECT_EQ(parsed.head.fields.first(FieldId::set_cookie), "a");
    EXPECT_EQ(parsed.text.substr(parsed.result.consumed), "body");
}

TEST(ResponseHead, fields_of_a_kind_are_given_in_their_order) {
    const auto parsed =
        parse_response("HTTP/1.1 200 OK\r\nVary: a\r\nX: y\r\nVary: b\r\nAge: 1\r\nVary:\r\n\r\n");
    ASSERT_EQ(parsed.result.progress, Progress::done);
    const FieldTable& fields = parsed.head.fields;
    std::vector<std::string> values;
    for (const std::string_view value : fields.all(FieldId::vary)) values.emplace_back(value);
    EXPECT_EQ(values, (std::vector<std::string>{"a", "b", ""}));
    EXPECT_EQ(fields.first(FieldId::vary), "a");
    EXPECT_EQ(fields.only(FieldId::vary), std::nullopt);
    EXPECT_EQ(fields.only(FieldId::age), "1");
    EXPECT_TRUE(fields.has(FieldId::age));
    for (const auto none : {FieldId::etag, FieldId::date}) {
        EXPECT_FALSE(fields.has(none));
        EXPECT_EQ(fields.first(none), std::nullopt);
        EXPECT_EQ(fields.only(none), std::nullopt);
        for (const std::string_view value : fields.all(none)) ADD_FAILURE() << value;
    }
}

TEST(ResponseHead, a_table_used_again_knows_nothing_of_before) {
    ResponseHead head;
    const std::string with = "HTTP/1.1 200 OK\r\nAge: 1\r\n\r\n";
    const std::string without = "HTTP/1.1 200 OK\r\n\r\n";
    for (const std::string& text : {with, without}) {
        HeadCursor cursor;
        ASSERT_EQ(parse_response_head(text, {}, cursor, head).progress, Progress::done);
    }
    EXPECT_FALSE(head.fields.has(FieldId::age));
}

TEST(ResponseHead, every_prefix_of_a_good_head_needs_more) {
    for (const std::string text : {"HTTP/1.1 200 OK\r\nX: y\r\n\r\n", "HTTP/1.1 200\r\n\r\n"}) {
        for (std::size_t size = 0; size < text.size(); ++size) {
            const auto cut = parse_response(text.substr(0, size));
            EXPECT_EQ(cut.result.progress, Progress::need_more) << size;
        }
    }
}

}  // namespace
}  // namespace moln::http
