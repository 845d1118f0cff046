#include <array>
#include <string>

#include <gtest/gtest.h>

#include "http/head_testing.h"
#include "http/write.h"

namespace moln::http {
namespace {

using testing::parse_request;

testing::ParsedRequest request(std::string_view fields, std::string_view line = "GET / HTTP/1.1") {
    auto parsed =
        parse_request(std::string(line) + "\r\nHost: a\r\n" + std::string(fields) + "\r\n");
    EXPECT_EQ(parsed.result.progress, Progress::done) << fields;
    return parsed;
}

std::string written(const testing::ParsedRequest& parsed, UpstreamRequest request) {
    std::array<char, 8192> out;
    if (request.client_address.empty()) request.client_address = "192.0.2.7";
    const auto size = write_request_head(parsed.head, request, out);
    return size ? std::string(out.data(), *size) : "(does not fit)";
}

std::string written(std::string_view fields, const UpstreamRequest& options = {}) {
    const auto parsed = request(fields);
    UpstreamRequest request = options;
    request.body = request_body(parsed.head);
    return written(parsed, request);
}

constexpr std::string_view k_forwarded =
    "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: a\r\n"
    "X-Forwarded-Port: 80\r\n";

bool has(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
}

TEST(WriteRequest, line_host_fields_and_forwarding_are_written_anew) {
    EXPECT_EQ(
        written("Accept:  */* \r\nX:\r\n"),
        "GET / HTTP/1.1\r\nHost: a\r\nAccept: */*\r\nX: \r\n" + std::string(k_forwarded) + "\r\n");
}

TEST(WriteRequest, absolute_form_becomes_origin_form_and_1_0_becomes_1_1) {
    const auto line_of = [](std::string_view line) {
        const std::string text = written(request("", line), {});
        return text.substr(0, text.find('\r'));
    };
    EXPECT_EQ(line_of("GET http://a/x/../y?z HTTP/1.0"), "GET /x/../y?z HTTP/1.1");
    EXPECT_EQ(line_of("GET http://a? HTTP/1.1"), "GET /? HTTP/1.1");
    EXPECT_EQ(line_of("OPTIONS * HTTP/1.1"), "OPTIONS * HTTP/1.1");
    EXPECT_EQ(line_of("OPTIONS http://a HTTP/1.1"), "OPTIONS * HTTP/1.1");
}

TEST(WriteRequest, hop_by_hop_and_listed_fields_are_dropped) {
    const std::string text = written(
        "Connection: close, X-Secret\r\nConnection: keep-alive,x-other\r\nx-secret: 1\r\n"
        "X-Other: 2\r\nKeep-Alive: 5\r\nProxy-Connection: x\r\nTE: trailers\r\nTrailer: X\r\n"
        "Upgrade: foo\r\nProxy-Authorization: x\r\nX-Kept: 3\r\n");
    EXPECT_EQ(text,
              "GET / HTTP/1.1\r\nHost: a\r\nX-Kept: 3\r\n" + std::string(k_forwarded) + "\r\n");
}

TEST(WriteRequest, listing_a_field_never_takes_away_what_the_edge_adds) {
    const std::string text =
        written("Connection: x-forwarded-for, host, content-length\r\nContent-Length: 5\r\n");
    EXPECT_TRUE(has(text, "X-Forwarded-For: 192.0.2.7\r\n"));
    EXPECT_TRUE(has(text, "Host: a\r\n"));
    EXPECT_TRUE(has(text, "Content-Length: 5\r\n"));
}

constexpr std::string_view k_spoof =
    "X-Forwarded-For: 198.51.100.1\r\nX-Forwarded-For: 198.51.100.2\r\nX-Forwarded-Proto: https\r\n"
    "X-Forwarded-Host: other\r\nX-Forwarded-Port: 443\r\nX-Real-IP: 198.51.100.1\r\n"
    "Forwarded: for=198.51.100.1\r\n";

TEST(WriteRequest, a_listed_field_is_kept_back_if_it_is_there) {
    const auto keeps = [](std::string_view fields) {
        return keeps_fields_back(request(fields).head);
    };
    EXPECT_FALSE(keeps(""));
    EXPECT_FALSE(keeps("Connection: keep-alive, TE, Upgrade\r\nTE: trailers\r\n"));
    EXPECT_FALSE(keeps("Connection: x-one\r\nX-Two: 2\r\n"));
    EXPECT_FALSE(keeps("Connection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: a\r\n"));
    EXPECT_TRUE(keeps("X-One: 1\r\nConnection: close\r\nConnection: a, x-one\r\n"));
    EXPECT_TRUE(keeps("Connection: cookie\r\nCookie: a=b\r\n"));
}

TEST(WriteRequest, forwarding_fields_of_a_client_are_replaced) {
    EXPECT_EQ(written(k_spoof),
              "GET / HTTP/1.1\r\nHost: a\r\n" + std::string(k_forwarded) + "\r\n");
}

TEST(WriteRequest, forwarding_fields_of_a_trusted_proxy_are_continued) {
    const std::string text = written(k_spoof, {.trust = ForwardedTrust::append});
    EXPECT_TRUE(has(text, "X-Forwarded-For: 198.51.100.1, 198.51.100.2, 192.0.2.7\r\n"));
    EXPECT_TRUE(has(text, "X-Forwarded-Proto: https\r\n"));
    EXPECT_FALSE(has(text, "X-Forwarded-Proto: http\r\n"));
    EXPECT_TRUE(has(text, "X-Forwarded-Host: other\r\nX-Forwarded-Port: 443\r\n"));
    EXPECT_TRUE(has(text, "Forwarded: for=198.51.100.1\r\n"));
    EXPECT_TRUE(has(written("", {.trust = ForwardedTrust::append}), k_forwarded));
}

TEST(WriteRequest, a_clients_word_of_its_certificate_is_dropped_even_behind_a_trusted_proxy) {
    const std::string_view lie =
        "Client-Cert: :bGll:\r\nclient_cert: :bGll:\r\nClient-Cert-Chain: :bGll:\r\n"
        "CLIENT_CERT_CHAIN: :bGll:\r\n";
    for (const auto trust : {ForwardedTrust::replace, ForwardedTrust::append}) {
        EXPECT_FALSE(has(written(lie, {.trust = trust}), "bGll"));
    }
    const ExtraField ours{.name = "Client-Cert", .value = ":b3Vycw==:"};
    EXPECT_TRUE(has(written(lie, {.extra = {&ours, 1}}), "Client-Cert: :b3Vycw==:\r\n"));
}

TEST(WriteRequest, that_a_request_is_a_copy_only_the_edge_says) {
    const std::string_view lie = "X-Moln-Mirror: lie\r\nx_moln_MIRROR: lie\r\n";
    for (const auto trust : {ForwardedTrust::replace, ForwardedTrust::append}) {
        EXPECT_FALSE(has(written(lie, {.trust = trust}), "lie"));
    }
    const ExtraField ours{.name = "X-Moln-Mirror", .value = "1"};
    EXPECT_TRUE(has(written(lie, {.extra = {&ours, 1}}), "X-Moln-Mirror: 1\r\n"));
}

TEST(WriteRequest, framing_follows_the_decision) {
    EXPECT_TRUE(has(written("Content-Length: 7\r\n"), "\r\nContent-Length: 7\r\n\r\n"));
    EXPECT_TRUE(has(written("Content-Length: 0\r\n"), "\r\nContent-Length: 0\r\n\r\n"));
    EXPECT_TRUE(
        has(written("Transfer-Encoding: chunked\r\n"), "\r\nTransfer-Encoding: chunked\r\n"));
    EXPECT_FALSE(has(written(""), "Content-Length"));
    const auto post = request("", "POST / HTTP/1.1");
    EXPECT_TRUE(has(written(post, {}), "Content-Length: 0\r\n"));
}

TEST(WriteRequest, an_upgrade_is_passed_only_when_decided) {
    const std::string_view fields =
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    const auto parsed = request(fields);
    const std::string text = written(parsed, {.upgrade = upgrade_wish(parsed.head)});
    EXPECT_TRUE(has(text, "Connection: Upgrade\r\nUpgrade: websocket\r\n"));
    EXPECT_TRUE(has(text, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"));
    const std::string plain = written(parsed, {});
    EXPECT_FALSE(has(plain, "pgrade"));
    EXPECT_FALSE(has(plain, "Sec-WebSocket"));
}

TEST(WriteRequest, expect_is_passed_only_when_asked) {
    const auto parsed = request("Expect: 100-continue\r\n", "PUT / HTTP/1.1");
    EXPECT_FALSE(has(written(parsed, {}), "Expect"));
    EXPECT_TRUE(has(written(parsed, {.expect_continue = true}), "Expect: 100-continue\r\n"));
}

TEST(WriteRequest, trace_fields_are_replaced_by_the_context) {
    const std::string_view parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const std::string fields = "traceparent: " + std::string(parent) + "\r\ntracestate: x=y\r\n";
    TraceContext trace = parse_traceparent(parent).value();
    trace.parent_id[0] = 0xff;
    trace.continued = true;
    EXPECT_TRUE(
        has(written(fields, {.trace = &trace}),
            "tracestate: x=y\r\n" + std::string(k_forwarded) +
                "traceparent: 00-0af7651916cd43dd8448eb211c80319c-ffad6b7169203331-01\r\n"));
    trace.continued = false;
    EXPECT_FALSE(has(written(fields, {.trace = &trace}), "tracestate"));
    EXPECT_TRUE(has(written(fields), "traceparent: " + std::string(parent)));
}

TEST(WriteRequest, every_line_of_tracestate_is_passed_as_it_came) {
    const std::string_view lines =
        "tracestate: rojo=00f067aa0ba902b7,congo=t61rcWkgMzE\r\n"
        "tracestate: \r\nTraceState: a@b=x=1 ; y, ,c=d\r\n";
    TraceContext trace;
    trace.continued = true;
    const auto text = written(lines, {.trace = &trace});
    EXPECT_TRUE(has(text, "tracestate: rojo=00f067aa0ba902b7,congo=t61rcWkgMzE\r\n"));
    EXPECT_TRUE(has(text, "TraceState: a@b=x=1 ; y, ,c=d\r\n"));
    EXPECT_TRUE(text.find("rojo") < text.find("a@b"));
    trace.continued = false;
    const auto begun = written(lines, {.trace = &trace});
    EXPECT_FALSE(has(begun, "racestate"));
    EXPECT_FALSE(has(begun, "raceState"));
}

TEST(WriteRequest, a_buffer_of_exactly_the_size_suffices_and_one_byte_less_does_not) {
    const auto parsed = request("Content-Length: 5\r\nX: y\r\n");
    const ExtraField extra[] = {{"X-Id", "1"}};
    const UpstreamRequest options{
        .client_address = "192.0.2.7", .body = {BodyKind::length, 5}, .extra = extra};
    std::string out(4096, '\0');
    const auto size = write_request_head(parsed.head, options, out);
    ASSERT_TRUE(size);
    EXPECT_LE(*size, head_bytes_bound(parsed.result.consumed, extra));
    for (std::size_t room = 0; room < *size; ++room) {
        EXPECT_FALSE(write_request_head(parsed.head, options, std::span(out).first(room)));
    }
    EXPECT_EQ(write_request_head(parsed.head, options, std::span(out).first(*size)), size);
}

}  // namespace
}  // namespace moln::http
