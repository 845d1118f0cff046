#include <array>
#include <string>

#include <gtest/gtest.h>

#include "http/head_testing.h"
#include "http/write.h"

namespace moln::http {
namespace {

using testing::parse_response;

constexpr std::string_view k_date = "Sun, 06 Nov 1994 08:49:37 GMT";

std::string written(std::string_view received, ClientResponse response = {}) {
    const auto parsed = parse_response(received);
    EXPECT_EQ(parsed.result.progress, Progress::done) << received;
    const BodyFraming body = response_body(parsed.head, {.method = response.request_method});
    response.body = body_for_client(body, response.client_version);
    std::array<char, 8192> out;
    const auto size = write_response_head(parsed.head, response, out);
    return size ? std::string(out.data(), *size) : "(does not fit)";
}

TEST(WriteResponse, status_fields_and_framing_are_written_anew) {
    EXPECT_EQ(written("HTTP/1.1 200 Fine\r\nContent-Length: 07\r\nX:  y \r\nKeep-Alive: 5\r\n"
                      "Connection: X-Secret\r\nX-Secret: 1\r\nDate: then\r\n\r\n",
                      {.date = k_date}),
              "HTTP/1.1 200 Fine\r\nX: y\r\nDate: then\r\nContent-Length: 7\r\n\r\n");
}

TEST(WriteResponse, a_missing_date_is_added) {
    EXPECT_EQ(written("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", {.date = k_date}),
              "HTTP/1.1 200 OK\r\nDate: " + std::string(k_date) + "\r\nContent-Length: 7\r\n\r\n");
}

TEST(WriteResponse, framing_fits_the_client) {
    const std::string_view chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    const std::string_view closing = "HTTP/1.1 200 OK\r\n\r\n";
    for (const std::string_view received : {chunked, closing}) {
        EXPECT_EQ(written(received), chunked);
        EXPECT_EQ(written(received, {.client_version = Version::http_1_0}),
                  "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
    }
    EXPECT_EQ(written("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
              "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
}

TEST(WriteResponse, connection_says_what_is_decided) {
    const std::string_view received = "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n";
    EXPECT_EQ(written(received, {.persistence = Persistence::close}),
              "HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: close\r\n\r\n");
    EXPECT_EQ(written(received, {.client_version = Version::http_1_0}),
              "HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: keep-alive\r\n\r\n");
}

TEST(WriteResponse, head_and_304_keep_the_length_that_they_describe) {
    EXPECT_EQ(
        written("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", {.request_method = Method::head}),
        "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n");
    EXPECT_EQ(written("HTTP/1.1 200 OK\r\n\r\n", {.request_method = Method::head}),
              "HTTP/1.1 200 OK\r\n\r\n");
    EXPECT_EQ(written("HTTP/1.1 304 No\r\nContent-Length: 7\r\n\r\n"),
              "HTTP/1.1 304 No\r\nContent-Length: 7\r\n\r\n");
    EXPECT_EQ(written("HTTP/1.1 204 No\r\nContent-Length: 0\r\n\r\n"), "HTTP/1.1 204 No\r\n\r\n");
}

TEST(WriteResponse, interim_responses_have_no_framing_and_no_additions) {
    const ExtraField extra[] = {{"X-Id", "1"}};
    EXPECT_EQ(written("HTTP/1.1 103 Early\r\nLink: x\r\nConnection: close\r\n\r\n",
                      {.persistence = Persistence::close, .date = k_date, .extra = extra}),
              "HTTP/1.1 103 Early\r\nLink: x\r\n\r\n");
}

TEST(WriteResponse, a_switch_names_its_protocol) {
    EXPECT_EQ(written("HTTP/1.1 101 Go\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
                      "Sec-WebSocket-Accept: x\r\n\r\n"),
              "HTTP/1.1 101 Go\r\nSec-WebSocket-Accept: x\r\nConnection: Upgrade\r\n"
              "Upgrade: websocket\r\n\r\n");
}

TEST(WriteResponse, what_does_not_fit_is_said) {
    const auto parsed = parse_response("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n");
    std::array<char, 38> out;
    ClientResponse response{.body = {BodyKind::length, 7}};
    EXPECT_EQ(write_response_head(parsed.head, response, out), 38u);
    EXPECT_FALSE(write_response_head(parsed.head, response, std::span(out).first(37)));
}

TEST(WriteError, is_a_whole_response) {
    const ErrorResponse error{
        .status = 503, .text = "No instance is up.", .retry_after_s = 5, .date = k_date};
    std::array<char, 512> out;
    const auto size = write_error_response(error, out);
    ASSERT_TRUE(size);
    EXPECT_EQ(std::string_view(out.data(), *size),
              "HTTP/1.1 503 Service Unavailable\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
              "Content-Type: text/plain; charset=utf-8\r\nCache-Control: no-store\r\n"
              "Content-Length: 19\r\nRetry-After: 5\r\nConnection: close\r\n\r\n"
              "No instance is up.\n");
}

TEST(WriteError, to_head_has_no_body) {
    const ErrorResponse error{.status = 404, .text = "None.", .request_method = Method::head};
    std::array<char, 512> out;
    const auto size = write_error_response(error, out);
    ASSERT_TRUE(size);
    EXPECT_TRUE(std::string_view(out.data(), *size).ends_with("Connection: close\r\n\r\n"));
}

TEST(WriteError, for_every_violation_fits_512_bytes) {
    std::array<char, 512> out;
    for (std::size_t i = 1; i < k_violations; ++i) {
        const auto violation = static_cast<Violation>(i);
        const ErrorResponse error{
            .status = status_of(violation), .text = explain(violation), .date = k_date};
        EXPECT_TRUE(write_error_response(error, out)) << word(violation);
    }
}

}  // namespace
}  // namespace moln::http
