// Properties of heads: the split does not matter, what is written reads the same, and whatever
// is accepted can be written and read again.
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "http/head_testing.h"
#include "http/write.h"

namespace moln::http {
namespace {

using namespace std::literals;
using testing::parse_request;
using testing::parse_request_in;
using testing::parse_response;
using testing::parse_response_in;

// Texts near the grammar: most lines good, some a little wrong.
rc::Gen<std::string> lines_of(std::vector<std::string> first, std::vector<std::string> rest) {
    return rc::gen::map(rc::gen::pair(rc::gen::elementOf(std::move(first)),
                                      rc::gen::container<std::vector<std::string>>(
                                          rc::gen::elementOf(std::move(rest)))),
                        [](const std::pair<std::string, std::vector<std::string>>& parts) {
                            std::string text = parts.first;
                            for (const std::string& line : parts.second) text += line;
                            return text + "\r\n";
                        });
}

const std::vector<std::string> k_field_lines = {
    "Host: a.example\r\n",
    "Host: b\r\n",
    "host:A.Example:80 \r\n",
    "Content-Length: 5\r\n",
    "Content-Length: 5, 5\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding: x\r\n",
    "Connection: close\r\n",
    "Connection: X-Drop, keep-alive\r\n",
    "X-Drop: 1\r\n",
    "Upgrade: websocket\r\n",
    "Expect: 100-continue\r\n",
    "X-Forwarded-For: 1\r\n",
    "X:\r\n",
    "X: \t y z\t \r\n",
    "X : y\r\n",
    " folded\r\n",
    "X: a\rb\r\n",
    "X: a\nb\r\n",
    "no colon\r\n",
    "X: long value of more than sixteen bytes, twice over, \xc3\xa5\r\n",
    "X: bad \x01\r\n",
    "\r\n",
    "TE: trailers\r\n",
    "Date: now\r\n",
    "Set-Cookie: a=b\r\n"};

rc::Gen<std::string> request_text() {
    return lines_of(
        {"GET / HTTP/1.1\r\nHost: a.example\r\n", "GET /a?b HTTP/1.0\r\n",
         "POST http://a.example/x HTTP/1.1\r\n", "OPTIONS * HTTP/1.1\r\n",
         "\r\nGET / HTTP/1.1\r\nHost: c\r\n", "GET  / HTTP/1.1\r\n", "GET /\\ HTTP/1.1\r\n",
         "GET / HTTP/1.2\r\n", "PUT /%41/../b HTTP/1.1\r\nHost: a\r\n", "\r\n\r\n"},
        k_field_lines);
}

rc::Gen<std::string> response_text() {
    return lines_of({"HTTP/1.1 200 OK\r\n", "HTTP/1.0 200 OK\r\n", "HTTP/1.1 204\r\n",
                     "HTTP/1.1 304 \r\n", "HTTP/1.1 101 Go\r\n", "HTTP/1.1 200OK\r\n",
                     "HTTP/1.1 777 OK\r\n", "HTTP/1.1 404 Nicht da\r\n"},
                    k_field_lines);
}

// So few drawn lines that with those of the start and those that writing adds there are no more
// than k_fields_max.
constexpr double k_good_share = 0.8;
static_assert(k_good_share * rc::kNominalSize + 12 < k_fields_max);

// Texts that are accepted whatever is drawn.
rc::Gen<std::string> good_request_text() {
    return rc::gen::scale(
        k_good_share,
        lines_of(
            {"GET / HTTP/1.1\r\nHost: a.example\r\n", "PUT /%41/../b?c HTTP/1.1\r\nHost: a\r\n",
             "\r\nPOST http://a/x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n",
             "OPTIONS * HTTP/1.1\r\nHost: [::1]:8\r\nTransfer-Encoding: chunked\r\n",
             "GET /? HTTP/1.0\r\nhost:\tB:80 \r\n"},
            {"Connection: close, X-Drop\r\n", "connection: host,x-b\r\n", "X-Drop: 1\r\n",
             "X-b: 2\r\n", "Upgrade: other\r\n", "Connection: upgrade\r\n",
             "Expect: 100-continue\r\n", "X-Forwarded-For: 1\r\n", "Forwarded: x\r\n", "X:\r\n",
             "X: \t y  z\t \r\n", "Cookie: a=b; c=d\r\n", "traceparent: 00\r\n",
             "Keep-Alive: 5\r\n", "TE: trailers\r\n"}));
}

rc::Gen<std::string> good_response_text() {
    return rc::gen::scale(
        k_good_share,
        lines_of({"HTTP/1.1 200 OK\r\n", "HTTP/1.0 404\r\n", "HTTP/1.1 204 \r\n",
                  "HTTP/1.1 304 Same\r\nContent-Length: 7\r\n", "HTTP/1.1 103 Early\r\n",
                  "HTTP/1.1 200  O\tK \r\nTransfer-Encoding: Chunked\r\n",
                  "HTTP/1.1 500 No\r\nContent-Length: 07\r\n"},
                 {"Connection: close, X-Drop\r\n", "X-Drop: 1\r\n", "Set-Cookie: a=b\r\n",
                  "set-cookie:c\r\n", "X:\r\n", "X: \t y  z\t \r\n", "Date: now\r\n",
                  "Keep-Alive: 5\r\n", "Trailer: X\r\n"}));
}

TEST(Heads, the_split_of_a_request_does_not_matter) {
    const bool held = rc::check("request split", [] {
        const std::string text = *request_text();
        HeadLimits limits;
        limits.head_bytes_max = *rc::gen::inRange<std::size_t>(40, 400);
        limits.target_bytes_max = *rc::gen::inRange<std::size_t>(1, 24);
        limits.fields_max = *rc::gen::inRange<std::size_t>(1, 12);
        const std::string whole = describe(parse_request(text, limits));
        RC_ASSERT(describe(parse_request_in({0, 1}, text, limits)) == whole);
        for (std::size_t at = 0; at <= text.size(); ++at) {
            RC_ASSERT(describe(parse_request_in({at, text.size()}, text, limits)) == whole);
        }
    });
    EXPECT_TRUE(held);
}

TEST(Heads, the_split_of_a_response_does_not_matter) {
    const bool held = rc::check("response split", [] {
        const std::string text = *response_text();
        const std::string whole = describe(parse_response(text));
        RC_ASSERT(describe(parse_response_in({0, 1}, text)) == whole);
        for (std::size_t at = 0; at <= text.size(); ++at) {
            RC_ASSERT(describe(parse_response_in({at, text.size()}, text)) == whole);
        }
    });
    EXPECT_TRUE(held);
}

std::string rewritten(const testing::ParsedRequest& parsed, ForwardedTrust trust) {
    const UpstreamRequest request{.client_address = "192.0.2.7",
                                  .trust = trust,
                                  .body = request_body(parsed.head),
                                  .upgrade = upgrade_wish(parsed.head),
                                  .expect_continue = parsed.head.expect_continue};
    std::string out(head_bytes_bound(parsed.result.consumed, {}), '\0');
    const auto size = write_request_head(parsed.head, request, out);
    RC_ASSERT(size.has_value());
    out.resize(*size);
    return out;
}

TEST(Heads, an_accepted_request_is_written_as_one_that_reads_the_same) {
    const bool held = rc::check("request rewrite", [] {
        const auto first = parse_request(*good_request_text());
        RC_ASSERT(first.result.progress == Progress::done);
        const auto again = parse_request(rewritten(first, ForwardedTrust::replace));
        RC_ASSERT(again.result.progress == Progress::done);
        RC_ASSERT(again.result.consumed == again.text.size());
        RC_ASSERT(again.head.method == first.head.method);
        RC_ASSERT(again.head.path() == first.head.path());
        RC_ASSERT(again.head.query() == first.head.query());
        RC_ASSERT(again.head.authority() == first.head.authority());
        RC_ASSERT(again.head.version == Version::http_1_1);
        RC_ASSERT(request_body(again.head) == request_body(first.head));
        RC_ASSERT(again.head.expect_continue == first.head.expect_continue);
        RC_ASSERT(again.head.fields.first(FieldId::x_forwarded_for) == "192.0.2.7"sv);
        // What is a fixed point of writing says the same in every value.
        const auto third = parse_request(rewritten(again, ForwardedTrust::replace));
        RC_ASSERT(describe(third) == describe(again));
    });
    EXPECT_TRUE(held);
}

TEST(Heads, an_accepted_response_is_written_as_one_that_reads_the_same) {
    const bool held = rc::check("response rewrite", [] {
        const auto first = parse_response(*good_response_text());
        RC_ASSERT(first.result.progress == Progress::done);
        const auto method = *rc::gen::element(Method::get, Method::head);
        const BodyFraming body =
            body_for_client(response_body(first.head, {.method = method}), Version::http_1_1);
        const ClientResponse response{.request_method = method, .body = body};
        std::string out(head_bytes_bound(first.result.consumed, {}), '\0');
        const auto size = write_response_head(first.head, response, out);
        RC_ASSERT(size.has_value());
        out.resize(*size);
        const auto again = parse_response(out);
        RC_ASSERT(again.result.progress == Progress::done);
        RC_ASSERT(again.result.consumed == out.size());
        RC_ASSERT(again.head.status == first.head.status);
        RC_ASSERT(again.head.reason() == first.head.reason());
        RC_ASSERT(response_body(again.head, {.method = method}) == body);
    });
    EXPECT_TRUE(held);
}

}  // namespace
}  // namespace moln::http
