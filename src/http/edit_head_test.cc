#include "http/edit_head.h"

#include <array>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "http/framing.h"
#include "http/head_testing.h"

namespace moln::http {
namespace {

using testing::parse_request;

std::string edited(const std::string& head, const HeadEdit& edit) {
    const auto parsed = parse_request(head);
    EXPECT_EQ(parsed.result.progress, Progress::done) << head;
    std::array<char, 4096> out;
    const auto size = edit_request_head(parsed.head, edit, out);
    for (std::size_t room = 0; size && room < *size; ++room) {
        EXPECT_FALSE(edit_request_head(parsed.head, edit, std::span(out).first(room)));
    }
    return size ? std::string(out.data(), *size) : "";
}

TEST(EditHead, without_wishes_it_stays_as_it_was) {
    const std::string head =
        "PUT http://a/b?c HTTP/1.0\r\nHost: a\r\nContent-Length: 3\r\nConnection: x-one\r\n"
        "X-One: 1\r\n\r\n";
    EXPECT_EQ(edited(head, {}), head);
}

TEST(EditHead, fields_go_by_name_and_come_at_the_end) {
    const std::vector<std::string> dropped = {"X-Auth-User"};
    const std::array<ExtraField, 1> added = {{{"X-Auth-User", "alice"}}};
    EXPECT_EQ(edited("GET / HTTP/1.1\r\nHost: a\r\nx-auth-user: mallory\r\nX-Auth-Users: b\r\n"
                     "X-AUTH-USER: eve\r\n\r\n",
                     {.dropped = dropped, .added = added}),
              "GET / HTTP/1.1\r\nHost: a\r\nX-Auth-Users: b\r\nX-Auth-User: alice\r\n\r\n");
}

TEST(EditHead, what_is_dropped_or_added_is_so_with_underscores_and_whatever_connection_lists) {
    const std::vector<std::string> dropped = {"X-Auth-User"};
    const std::array<ExtraField, 1> added = {{{"X-Forwarded-Uri", "/a"}}};
    EXPECT_EQ(edited("GET / HTTP/1.1\r\nHost: a\r\nX_Auth-User: mallory\r\nx_auth_user: eve\r\n"
                     "Connection: close,x-auth-user, X_Forwarded_Uri , b\r\n"
                     "Connection: X-Auth-User\r\nB: 1\r\n\r\n",
                     {.dropped = dropped, .added = added}),
              "GET / HTTP/1.1\r\nHost: a\r\nConnection: close, b\r\nB: 1\r\n"
              "X-Forwarded-Uri: /a\r\n\r\n");
}

TEST(EditHead, bare_is_a_request_without_body_and_conditions) {
    const auto text = edited(
        "POST /upload HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n"
        "Content-Type: text/plain\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: x\r\nIf-None-Match: \"e\"\r\nRange: bytes=0-1\r\nCookie: a=b\r\n\r\n",
        {.start_line = "GET /check HTTP/1.1", .bare = true});
    EXPECT_EQ(text, "GET /check HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nCookie: a=b\r\n\r\n");
    const auto again = parse_request(text);
    EXPECT_EQ(again.result.progress, Progress::done);
    EXPECT_EQ(request_body(again.head).kind, BodyKind::none);
    EXPECT_FALSE(again.head.expect_continue);
}

}  // namespace
}  // namespace moln::http
