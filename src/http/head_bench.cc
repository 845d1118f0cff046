// Nanoseconds per request of what the edge does with every one: read its head, find its route,
// write it anew, read and write the response's head. Not a test; run it by hand.
#include <array>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "http/date.h"
#include "http/head.h"
#include "http/routes.h"
#include "http/write.h"

namespace moln::http {
namespace {

constexpr std::string_view k_small = "GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n";
constexpr std::string_view k_browser =
    "GET /shop/items/42?sort=price&page=2 HTTP/1.1\r\n"
    "Host: shop.example.org\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
    "Accept-Language: en-GB,en;q=0.8,sv;q=0.5\r\n"
    "Accept-Encoding: gzip, deflate, br\r\n"
    "Connection: keep-alive\r\n"
    "Referer: http://shop.example.org/shop/items?sort=price\r\n"
    "Cookie: session=0af7651916cd43dd8448eb211c80319c; theme=dark; cart=b7ad6b7169203331\r\n"
    "Upgrade-Insecure-Requests: 1\r\n"
    "Sec-Fetch-Dest: document\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Site: same-origin\r\n"
    "\r\n";
constexpr std::string_view k_response =
    "HTTP/1.1 200 OK\r\nServer: app\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
    "Content-Type: text/html; charset=utf-8\r\nContent-Length: 1024\r\n"
    "Cache-Control: max-age=60\r\nETag: \"0af7651916cd43dd\"\r\nConnection: keep-alive\r\n\r\n";

void read_request(benchmark::State& state, std::string_view text) {
    RequestHead head;
    for (auto _ : state) {
        HeadCursor cursor;
        benchmark::DoNotOptimize(parse_request_head(text, {}, cursor, head));
    }
    state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * text.size()));
}

void write_request(benchmark::State& state, std::string_view text) {
    RequestHead head;
    HeadCursor cursor;
    parse_request_head(text, {}, cursor, head);
    const TraceContext trace{};
    const UpstreamRequest request{.client_address = "192.0.2.7", .trace = &trace};
    std::array<char, 4096> out;
    for (auto _ : state) {
        benchmark::DoNotOptimize(write_request_head(head, request, out));
        benchmark::ClobberMemory();
    }
}

void read_response(benchmark::State& state) {
    ResponseHead head;
    for (auto _ : state) {
        HeadCursor cursor;
        benchmark::DoNotOptimize(parse_response_head(k_response, {}, cursor, head));
    }
}

void write_response(benchmark::State& state) {
    ResponseHead head;
    HeadCursor cursor;
    parse_response_head(k_response, {}, cursor, head);
    const ClientResponse response{.body = {BodyKind::length, 1024}};
    std::array<char, 4096> out;
    for (auto _ : state) {
        benchmark::DoNotOptimize(write_response_head(head, response, out));
        benchmark::ClobberMemory();
    }
}

// `range` routes, two paths a host; each lookup another one, so that caches do not flatter.
void find_route(benchmark::State& state) {
    const auto count = static_cast<std::uint32_t>(state.range(0));
    std::vector<std::string> hosts;
    for (std::uint32_t i = 0; i < count / 2; ++i) {
        hosts.push_back("app-" + std::to_string(i) + ".example.org");
    }
    std::vector<Route> routes;
    for (std::uint32_t i = 0; i < count / 2 * 2; ++i) {
        routes.push_back({hosts[i / 2], i % 2 == 0 ? "/" : "/api", i});
    }
    const auto table = RouteTable::compile(routes);
    std::size_t at = 0;
    for (auto _ : state) {
        benchmark::DoNotOptimize(table->find(hosts[at], "/api/v1/items"));
        at = (at + 7919) % hosts.size();
    }
}

BENCHMARK_CAPTURE(read_request, small, k_small);
BENCHMARK_CAPTURE(read_request, browser, k_browser);
BENCHMARK_CAPTURE(write_request, small, k_small);
BENCHMARK_CAPTURE(write_request, browser, k_browser);
BENCHMARK(read_response);
BENCHMARK(write_response);
BENCHMARK(find_route)->Arg(10)->Arg(1'000)->Arg(100'000);

}  // namespace
}  // namespace moln::http

BENCHMARK_MAIN();
