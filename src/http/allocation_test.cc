// A program of its own, as it replaces operator new: what a request needs of this folder in the
// steady state allocates nothing.
#include <array>
#include <cstdlib>
#include <new>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "http/chunked.h"
#include "http/date.h"
#include "http/routes.h"
#include "http/url.h"
#include "http/write.h"

namespace {
std::size_t allocations = 0;
}

void* operator new(std::size_t size) {
    ++allocations;
    if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
    throw std::bad_alloc();
}
void operator delete(void* memory) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
    std::free(memory);
}

namespace moln::http {
namespace {

constexpr std::string_view k_request =
    "POST /%41/../api/v1?x=y HTTP/1.1\r\nHost: Shop.Example.org:8080\r\nX-Drop: 1\r\n"
    "Connection: keep-alive, X-Drop\r\nTransfer-Encoding: chunked\r\nCookie: a=b\r\n\r\n"
    "5;a=b\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n";
constexpr std::string_view k_response =
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nSet-Cookie: a=b\r\n\r\nhello";

void serve_one(const RouteTable& routes) {
    HeadCursor cursor;
    RequestHead head;
    const auto parsed = parse_request_head(k_request, {}, cursor, head);
    ASSERT_EQ(parsed.progress, Progress::done);

    std::array<char, k_host_bytes_max> host_room;
    std::array<char, 256> path_room;
    const auto host = normalise_host(head.host(), host_room);
    const auto path = normalise_path(head.path(), path_room);
    ASSERT_TRUE(path);
    ASSERT_EQ(routes.find(host, *path), 2u);

    std::array<std::uint8_t, k_trace_random_bytes> random{1};
    const TraceContext trace = continue_trace(head, random);
    std::array<char, 4096> out;
    ASSERT_TRUE(write_request_head(
        head, {.client_address = "192.0.2.7", .body = request_body(head), .trace = &trace}, out));

    ChunkedDecoder decoder;
    for (std::string_view body = k_request.substr(parsed.consumed); !decoder.done();) {
        body.remove_prefix(decoder.next(body).consumed);
    }

    HeadCursor response_cursor;
    ResponseHead response;
    ASSERT_EQ(parse_response_head(k_response, {}, response_cursor, response).progress,
              Progress::done);
    std::array<char, k_date_bytes> date;
    format_date(WallTime{1'763'800'000'000}, date);
    ASSERT_TRUE(write_response_head(
        response,
        {.body = response_body(response, {}), .date = std::string_view(date.data(), date.size())},
        out));
    ASSERT_TRUE(write_error_response({.status = 503, .text = "No."}, out));
}

TEST(Allocation, a_request_needs_none) {
    const std::vector<Route> list = {
        {"*", "/", 1}, {"*.example.org", "/api", 2}, {"other.example.org", "/", 3}};
    const auto routes = RouteTable::compile(list);
    ASSERT_TRUE(routes);
    const std::size_t before = allocations;
    serve_one(*routes);
    EXPECT_EQ(allocations, before);
}

TEST(Allocation, is_noticed) {
    const std::size_t before = allocations;
    std::string* volatile kept = new std::string(100, 'x');  // or the compiler leaves it out
    delete kept;
    EXPECT_GT(allocations, before);
}

}  // namespace
}  // namespace moln::http
