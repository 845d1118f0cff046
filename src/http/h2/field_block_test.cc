#include "http/h2/field_block.h"

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace moln::h2 {
namespace {

using http::Violation;
using Lines = std::vector<std::pair<std::string, std::string>>;

constexpr std::string_view k_key = "AAAAAAAAAAAAAAAAAAAAAA==";

Lines head_of(Lines more = {}) {
    Lines lines = {
        {":method", "GET"}, {":scheme", "https"}, {":authority", "a.test"}, {":path", "/x?y"}};
    lines.insert(lines.end(), more.begin(), more.end());
    return lines;
}

class Block {
public:
    explicit Block(const Lines& lines, std::size_t room = 32 * 1024) : room_(room, '\0') {
        block_.begin(room_);
        for (const auto& [name, value] : lines) block_.add(name, value);
    }
    const FieldBlock& operator*() const { return block_; }

private:
    std::vector<char> room_;
    FieldBlock block_;
};

std::string text_of(const Lines& lines) {
    std::vector<char> out(32 * 1024);
    const auto text = write_request(*Block(lines), k_key, out);
    return text ? std::string(out.data(), text->bytes)
                : "refused: " + std::string(word(text.error()));
}

Violation refusal(const Lines& lines) {
    std::vector<char> out(32 * 1024);
    const auto text = write_request(*Block(lines), k_key, out);
    return text ? Violation::none : text.error();
}

TEST(FieldBlock_request, becomes_a_head_of_http_1) {
    EXPECT_EQ(text_of(head_of({{"accept", "*/*"}, {"x-empty", ""}})),
              "GET /x?y HTTP/1.1\r\nhost: a.test\r\naccept: */*\r\nx-empty: \r\n\r\n");
}

TEST(FieldBlock_request, crumbs_of_cookie_become_one_field) {
    EXPECT_EQ(text_of(head_of({{"cookie", "a=1"}, {"x", "1"}, {"cookie", "b=2"}})),
              "GET /x?y HTTP/1.1\r\nhost: a.test\r\nx: 1\r\ncookie: a=1; b=2\r\n\r\n");
}

TEST(FieldBlock_request, host_may_stand_for_authority_but_not_differ) {
    EXPECT_EQ(
        text_of({{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {"host", "b.test"}}),
        "GET / HTTP/1.1\r\nhost: b.test\r\n\r\n");
    EXPECT_EQ(refusal(head_of({{"host", "A.test"}})), Violation::none);
    EXPECT_EQ(refusal(head_of({{"host", "b.test"}})), Violation::target_host_differs);
    EXPECT_EQ(refusal(head_of({{"host", "a.test"}, {"host", "a.test"}})),
              Violation::duplicate_host);
    EXPECT_EQ(refusal({{":method", "GET"}, {":scheme", "http"}, {":path", "/"}}),
              Violation::missing_host);
}

TEST(FieldBlock_request, extended_connect_becomes_the_handshake) {
    const Lines lines = {
        {":method", "CONNECT"},         {":protocol", "websocket"}, {":scheme", "https"},
        {":authority", "a.test"},       {":path", "/chat"},         {"sec-websocket-version", "13"},
        {"sec-websocket-key", "theirs"}};
    EXPECT_EQ(text_of(lines),
              "GET /chat HTTP/1.1\r\nhost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
              "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nsec-websocket-version: 13\r\n\r\n");
}

struct Refused {
    Lines lines;
    Violation violation;
};

// RFC 9113 8.2, 8.3, 8.5.
TEST(FieldBlock_request, what_may_not_be_said_is_refused) {
    const Refused cases[] = {
        {head_of({{"X-Upper", "1"}}), Violation::bad_field_name},
        {head_of({{"", "1"}}), Violation::bad_field_name},
        {head_of({{"a b", "1"}}), Violation::bad_field_name},
        {head_of({{"a:", "1"}}), Violation::bad_field_name},
        {head_of({{"x", "a\r\nb: c"}}), Violation::bad_field_value},
        {head_of({{"x", std::string("a\0b", 3)}}), Violation::bad_field_value},
        {head_of({{"x", " a"}}), Violation::bad_field_value},
        {head_of({{"x", "a\t"}}), Violation::bad_field_value},
        {head_of({{"connection", "close"}}), Violation::bad_connection},
        {head_of({{"transfer-encoding", "chunked"}}), Violation::bad_connection},
        {head_of({{"upgrade", "websocket"}}), Violation::bad_connection},
        {head_of({{"te", "gzip"}}), Violation::bad_connection},
        {head_of({{"x", "1"}, {":path", "/"}}), Violation::bad_field_name},
        {head_of({{":path", "/"}}), Violation::bad_field_name},
        {head_of({{":authority", "a.test"}}), Violation::duplicate_host},
        {head_of({{":unknown", "1"}}), Violation::bad_field_name},
        {head_of({{":status", "200"}}), Violation::bad_field_name},
        {{{":method", "GET"}, {":scheme", "http"}, {":authority", "a"}}, Violation::bad_target},
        {{{":method", "GET"}, {":scheme", "http"}, {":authority", "a"}, {":path", ""}},
         Violation::bad_field_name},
        {{{":method", "GET"}, {":scheme", "http"}, {":authority", "a"}, {":path", "x"}},
         Violation::bad_target},
        {{{":method", "GET"}, {":scheme", "ftp"}, {":authority", "a"}, {":path", "/"}},
         Violation::bad_target},
        {{{":method", "GET"},
          {":scheme", "http"},
          {":authority", "a"},
          {":path", "/ HTTP/1.1\r\nx: y"}},
         Violation::bad_target},
        {{{":method", "GET"}, {":scheme", "http"}, {":authority", "a\r\nb: c"}, {":path", "/"}},
         Violation::bad_host},
        {{{":method", "G T"}, {":scheme", "http"}, {":authority", "a"}, {":path", "/"}},
         Violation::bad_method},
        {{{":scheme", "http"}, {":authority", "a"}, {":path", "/"}}, Violation::bad_method},
        {{{":method", "CONNECT"}, {":authority", "a:80"}}, Violation::method_not_served},
        {{{":method", "GET"},
          {":protocol", "websocket"},
          {":scheme", "http"},
          {":authority", "a"},
          {":path", "/"}},
         Violation::method_not_served},
        {{{":method", "CONNECT"},
          {":protocol", "h2c"},
          {":scheme", "http"},
          {":authority", "a"},
          {":path", "/"}},
         Violation::method_not_served},
    };
    for (const Refused& one : cases) {
        EXPECT_EQ(refusal(one.lines), one.violation)
            << one.lines.back().first << ": " << one.lines.back().second;
    }
}

TEST(FieldBlock_limits, at_and_one_past) {
    Lines fields = head_of();
    while (fields.size() < http::k_fields_max + 8) fields.emplace_back("x", "1");
    EXPECT_EQ((*Block(fields)).overflow(), Violation::none);
    fields.emplace_back("x", "1");
    EXPECT_EQ((*Block(fields)).overflow(), Violation::too_many_fields);

    const Lines exact = {{"ab", "cd"}};
    EXPECT_EQ((*Block(exact, 4)).overflow(), Violation::none);
    EXPECT_EQ((*Block(exact, 3)).overflow(), Violation::head_too_large);
    EXPECT_EQ((*Block(exact, 3)).list_bytes(), 36u);
}

TEST(FieldBlock_response, becomes_a_head_of_http_1) {
    std::vector<char> out(1024);
    const auto text_for = [&](const Lines& lines) {
        const auto size = write_response(*Block(lines), out);
        return size ? std::string(out.data(), *size)
                    : "refused: " + std::string(word(size.error()));
    };
    EXPECT_EQ(text_for({{":status", "200"}, {"x", "1"}}), "HTTP/1.1 200 \r\nx: 1\r\n\r\n");
    EXPECT_EQ(text_for({{":status", "101"}}), "refused: bad_status_line");
    EXPECT_EQ(text_for({{":status", "20"}}), "refused: bad_status_line");
    EXPECT_EQ(text_for({{"x", "1"}}), "refused: bad_status_line");
    EXPECT_EQ(text_for({{":status", "200"}, {"connection", "close"}}), "refused: bad_connection");
}

TEST(FieldBlock_trailers, may_not_frame_or_route) {
    std::vector<char> out(1024);
    const auto good = write_trailers(*Block(Lines{{"grpc-status", "0"}}), out);
    ASSERT_TRUE(good);
    EXPECT_EQ(std::string(out.data(), *good), "grpc-status: 0\r\n");
    for (const char* name : {"content-length", "host", ":status", "expect"}) {
        EXPECT_FALSE(write_trailers(*Block(Lines{{name, "1"}}), out)) << name;
    }
}

}  // namespace
}  // namespace moln::h2
