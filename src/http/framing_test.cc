#include "http/framing.h"

#include <gtest/gtest.h>

#include "http/head_testing.h"

namespace moln::http {
namespace {

using testing::parse_request;
using testing::parse_response;

testing::ParsedRequest request(std::string_view line, std::string_view fields) {
    auto parsed =
        parse_request(std::string(line) + "\r\nHost: a\r\n" + std::string(fields) + "\r\n");
    EXPECT_EQ(parsed.result.progress, Progress::done) << line << fields;
    return parsed;
}

testing::ParsedResponse response(std::string_view line, std::string_view fields) {
    auto parsed = parse_response(std::string(line) + "\r\n" + std::string(fields) + "\r\n");
    EXPECT_EQ(parsed.result.progress, Progress::done) << line << fields;
    return parsed;
}

TEST(RequestBody, framing_decides_and_never_the_method) {
    const auto body = [](std::string_view line, std::string_view fields) {
        return request_body(request(line, fields).head);
    };
    EXPECT_EQ(body("POST / HTTP/1.1", ""), (BodyFraming{BodyKind::none, 0}));
    EXPECT_EQ(body("POST / HTTP/1.1", "Content-Length: 0\r\n"), (BodyFraming{BodyKind::none, 0}));
    EXPECT_EQ(body("GET / HTTP/1.1", "Content-Length: 7\r\n"), (BodyFraming{BodyKind::length, 7}));
    EXPECT_EQ(body("GET / HTTP/1.1", "Transfer-Encoding: chunked\r\n"),
              (BodyFraming{BodyKind::chunked, 0}));
}

struct ResponseBodyRow {
    std::string_view line;
    std::string_view fields;
    RequestContext context;
    BodyFraming body;
};

TEST(ResponseBody, follows_rfc_9112_section_6_3) {
    const RequestContext get{};
    const RequestContext head{.method = Method::head};
    const RequestContext upgrade{.upgrade_sent = true};
    const ResponseBodyRow rows[] = {
        {"HTTP/1.1 200 OK", "Content-Length: 7\r\n", get, {BodyKind::length, 7}},
        {"HTTP/1.1 200 OK", "Content-Length: 0\r\n", get, {BodyKind::none, 0}},
        {"HTTP/1.1 200 OK", "Transfer-Encoding: chunked\r\n", get, {BodyKind::chunked, 0}},
        {"HTTP/1.1 200 OK", "", get, {BodyKind::until_close, 0}},
        {"HTTP/1.1 200 OK", "Content-Length: 7\r\n", head, {BodyKind::none, 0}},
        {"HTTP/1.1 200 OK", "", head, {BodyKind::none, 0}},
        {"HTTP/1.1 204 No", "", get, {BodyKind::none, 0}},
        {"HTTP/1.1 304 No", "Content-Length: 7\r\n", get, {BodyKind::none, 0}},
        {"HTTP/1.1 304 No", "Transfer-Encoding: chunked\r\n", get, {BodyKind::none, 0}},
        {"HTTP/1.1 100 Go", "", get, {BodyKind::none, 0}},
        {"HTTP/1.1 103 Go", "Link: x\r\n", get, {BodyKind::none, 0}},
        {"HTTP/1.1 101 Go", "", get, {BodyKind::none, 0}},
        {"HTTP/1.1 101 Go", "", upgrade, {BodyKind::tunnel, 0}},
        {"HTTP/1.1 200 OK", "", upgrade, {BodyKind::until_close, 0}},
    };
    for (const ResponseBodyRow& row : rows) {
        EXPECT_EQ(response_body(response(row.line, row.fields).head, row.context), row.body)
            << row.line << row.fields;
    }
}

TEST(Body, is_withheld_where_the_head_of_an_answer_without_one_speaks_of_it) {
    const auto withheld = [](std::string_view line, std::string_view fields, Method method) {
        return withholds_body(response(line, fields).head, method);
    };
    const std::string_view chunked = "Transfer-Encoding: chunked\r\n";
    const std::string_view length = "Content-Length: 5\r\n";
    const std::string_view zero = "Content-Length: 0\r\n";
    for (const std::string_view fields : {chunked, length, std::string_view()}) {
        EXPECT_TRUE(withheld("HTTP/1.1 200 OK", fields, Method::head)) << fields;
        EXPECT_FALSE(withheld("HTTP/1.1 200 OK", fields, Method::get)) << fields;
        for (const auto method : {Method::get, Method::head}) {
            EXPECT_EQ(withheld("HTTP/1.1 304 X", fields, method), !fields.empty()) << fields;
        }
    }
    EXPECT_FALSE(withheld("HTTP/1.1 204 X", "", Method::head));  // with a length it is refused
    EXPECT_FALSE(withheld("HTTP/1.1 200 OK", zero, Method::head));
    EXPECT_FALSE(withheld("HTTP/1.1 304 X", zero, Method::head));
}

TEST(Switch, is_unexpected_unless_it_is_to_what_was_asked) {
    const auto unexpected = [](std::string_view fields, std::string_view protocol) {
        return unexpected_switch(response("HTTP/1.1 101 Go", fields).head, protocol);
    };
    const auto good = "Connection: upgrade\r\nUpgrade: WebSocket\r\n";
    EXPECT_FALSE(unexpected(good, "websocket"));
    EXPECT_TRUE(unexpected(good, ""));
    EXPECT_TRUE(unexpected(good, "other"));
    EXPECT_TRUE(unexpected("Upgrade: websocket\r\n", "websocket"));
    EXPECT_TRUE(unexpected("Connection: upgrade\r\n", "websocket"));
    EXPECT_FALSE(unexpected_switch(response("HTTP/1.1 200 OK", "").head, ""));
}

TEST(Persistence, depends_on_version_and_tokens) {
    const auto kept = [](std::string_view line, std::string_view fields) {
        return request_persistence(request(line, fields).head) == Persistence::keep_alive;
    };
    EXPECT_TRUE(kept("GET / HTTP/1.1", ""));
    EXPECT_FALSE(kept("GET / HTTP/1.1", "Connection: close\r\n"));
    EXPECT_FALSE(kept("GET / HTTP/1.1", "Connection: keep-alive, close\r\n"));
    EXPECT_FALSE(kept("GET / HTTP/1.0", ""));
    EXPECT_TRUE(kept("GET / HTTP/1.0", "Connection: Keep-Alive\r\n"));
    EXPECT_FALSE(kept("GET / HTTP/1.0", "Connection: Keep-Alive, close\r\n"));
}

TEST(Persistence, of_a_response_also_depends_on_its_body) {
    const auto kept = [](std::string_view line, std::string_view fields, BodyKind body) {
        return response_persistence(response(line, fields).head, {body, 0}) ==
               Persistence::keep_alive;
    };
    EXPECT_TRUE(kept("HTTP/1.1 200 OK", "", BodyKind::chunked));
    EXPECT_FALSE(kept("HTTP/1.1 200 OK", "", BodyKind::until_close));
    EXPECT_FALSE(kept("HTTP/1.1 101 Go", "", BodyKind::tunnel));
    EXPECT_FALSE(kept("HTTP/1.1 200 OK", "Connection: close\r\n", BodyKind::none));
    EXPECT_FALSE(kept("HTTP/1.0 200 OK", "", BodyKind::none));
    EXPECT_TRUE(kept("HTTP/1.0 200 OK", "Connection: keep-alive\r\n", BodyKind::none));
}

constexpr std::string_view k_handshake =
    "Connection: Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

TEST(Upgrade, a_whole_websocket_handshake_is_recognised) {
    const auto parsed = request("GET / HTTP/1.1", k_handshake);
    EXPECT_EQ(upgrade_wish(parsed.head).kind, UpgradeKind::websocket);
    EXPECT_EQ(upgrade_wish(parsed.head).protocol, "WebSocket");
}

TEST(Upgrade, an_incomplete_handshake_is_a_plain_request) {
    const std::pair<std::string_view, std::string_view> changes[] = {
        {"Connection: Upgrade", "Connection: close"},
        {"13", "8"},
        {"dGhlIHNhbXBsZSBub25jZQ==", "short"},
        {"dGhlIHNhbXBsZSBub25jZQ==", ""},
        {"jZQ==", "jZR=="},
        {"WebSocket\r", "WebSocket, x\r"},
        {"Upgrade: W", "Upgrade: x\r\nUpgrade: W"},
        {"Connection", "Content-Length: 1\r\nConnection"},
        {"Sec-WebSocket-Version: 13\r\n", ""},
    };
    for (const auto& [from, to] : changes) {
        std::string fields(k_handshake);
        fields.replace(fields.find(from), from.size(), to);
        EXPECT_EQ(upgrade_wish(request("GET / HTTP/1.1", fields).head).kind, UpgradeKind::none)
            << fields;
    }
    EXPECT_EQ(upgrade_wish(request("POST / HTTP/1.1", k_handshake).head).kind, UpgradeKind::none);
    EXPECT_EQ(upgrade_wish(request("GET / HTTP/1.0", k_handshake).head).kind, UpgradeKind::none);
}

TEST(Upgrade, protocols_that_hide_requests_are_never_asked_for) {
    const auto kind = [](std::string_view protocol) {
        const auto fields = "Connection: upgrade\r\nUpgrade: " + std::string(protocol) + "\r\n";
        return upgrade_wish(request("GET / HTTP/1.1", fields).head).kind;
    };
    EXPECT_EQ(kind("my-protocol/2"), UpgradeKind::other);
    EXPECT_EQ(kind("H2C"), UpgradeKind::none);
    EXPECT_EQ(kind("h2"), UpgradeKind::none);
    EXPECT_EQ(kind("HTTP/2.0"), UpgradeKind::none);
    EXPECT_EQ(kind("TLS/1.0"), UpgradeKind::none);
    EXPECT_EQ(kind("a b"), UpgradeKind::none);
    EXPECT_EQ(kind("a/"), UpgradeKind::none);
    EXPECT_EQ(kind(""), UpgradeKind::none);
}

}  // namespace
}  // namespace moln::http
