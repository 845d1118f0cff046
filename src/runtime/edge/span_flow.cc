#include "runtime/edge/span_flow.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <ctime>
#include <span>
#include <string_view>
#include <utility>

#include <netinet/in.h>

#include "edge/span_line.h"
#include "http/url.h"
#include "runtime/edge/cache_peers.h"
#include "runtime/edge/flow.h"

namespace moln::edge_loop {
namespace {

constexpr std::size_t k_trace_state_bytes_max = 512;
constexpr std::uint16_t k_port_plain = 80;
constexpr std::uint16_t k_port_tls = 443;

template <std::size_t N>
std::array<std::uint8_t, N> random_bytes(Random& random) {
    static_assert(N % 8 == 0);
    std::array<std::uint8_t, N> bytes;
    for (std::size_t i = 0; i < N; i += 8) {
        const std::uint64_t word = random.next();
        std::memcpy(bytes.data() + i, &word, sizeof word);
    }
    return bytes;
}

std::int64_t wall_ns() {
    timespec time{};
    clock_gettime(CLOCK_REALTIME, &time);
    return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

// All lines of it as one list; nothing if that is longer than must be told.
std::string_view trace_state(const http::RequestHead& head,
                             std::span<char, k_trace_state_bytes_max> room) {
    std::size_t size = 0;
    for (const std::string_view value : head.fields.all(http::FieldId::tracestate)) {
        if (value.empty()) continue;
        if (size != 0 && size < room.size()) room[size++] = ',';
        if (value.size() > room.size() - size) return {};
        std::ranges::copy(value, room.begin() + static_cast<std::ptrdiff_t>(size));
        size += value.size();
    }
    return {room.data(), size};
}

// What was asked for, of a head that is there or of a tunnel that was.
void name_request(edge::SpanRecord& record, const Exchange& exchange) {
    std::string_view authority;
    if (exchange.tunnel_name != nullptr) {
        record.method = exchange.tunnel_name->method;
        record.path = exchange.tunnel_name->path;
        authority = exchange.tunnel_name->host;
    } else {
        const http::RequestHead& head = exchange.heads->request;
        record.method = head.method_name();
        record.path = head.path();
        record.user_agent = head.fields.first(http::FieldId::user_agent).value_or("");
        authority = head.authority();
    }
    record.method_known = http::method_from(record.method) != http::Method::other;
    record.scheme = scheme_of(exchange);
    if (const auto parts = http::parse_authority(authority)) {
        record.host = parts->host;
        record.port = parts->port.value_or(record.scheme == "https" ? k_port_tls : k_port_plain);
    }
    if (exchange.client->stream != nullptr) {
        record.http = "2";
    } else {
        record.http = exchange.version == http::Version::http_1_0 ? "1.0" : "1.1";
    }
}

void tell_exporter(Tracer& tracer) {
    auto& flag = tracer.ring.pressing() ? tracer.port.pressing : tracer.port.waiting;
    if (!flag.exchange(true)) tracer.port.wake.ring();
}

// Of a request's, or of one of its tries'.
void end_now(edge::SpanRecord& record, std::int64_t duration_us) {
    record.end_ns = wall_ns();
    record.begin_ns = record.end_ns - duration_us * 1000;
}

void name_app(edge::SpanRecord& record, const Exchange& exchange) {
    if (exchange.app != nullptr) {
        record.app = exchange.app->cell->app.text;
        record.process = exchange.app->cell->process;
    }
    if (exchange.endpoint != nullptr) record.instance = exchange.endpoint->cell->instance.text;
}

}  // namespace

void begin_trace(Core& core, Exchange& exchange) {
    exchange.trace = http::continue_trace(exchange.heads->request,
                                          random_bytes<http::k_trace_random_bytes>(core.random));
    Tracer* tracer = core.port.tracer;
    // Of a request of the edge's own who it is for has a span.
    if (tracer == nullptr || exchange.client->sink != nullptr) return;
    const auto choice = edge::choose_trace(exchange.trace, random_bytes<8>(core.random),
                                           tracer->share, tracer->budget, core.now_ms);
    exchange.trace = choice.sent;
    exchange.caller_span = choice.caller_span;
    exchange.recorded = exchange.tries_recorded = choice.recorded;
    if (choice.over_budget) tracer->over_budget.add(1);
}

std::string_view cache_word(const Exchange& exchange) {
    if (exchange.visit == nullptr) return {};
    const auto& status = exchange.visit->status;
    if (status.forward == http::CacheForward::none) return "hit";
    return status.stored || status.collapsed ? "miss" : "pass";
}

void record_span(Core& core, const Exchange& exchange, const SpanEnd& end) {
    Tracer& tracer = *core.port.tracer;
    tracer.made.add(1);
    const auto out = tracer.ring.reserve(edge::k_span_line_max);
    if (out.empty()) return;
    edge::SpanRecord record{.trace_id = exchange.trace.trace_id,
                            .span_id = exchange.trace.parent_id,
                            .trace_flags = exchange.trace.flags,
                            .status = exchange.status,
                            .broken = end.broken,
                            .queue_us = exchange.queue_us,
                            .retries = exchange.retries,
                            .cache = cache_word(exchange)};
    if (exchange.trace.continued) record.parent_id = exchange.caller_span;
    end_now(record, end.duration_us);
    name_request(record, exchange);
    record.client = exchange.client->link().address();
    std::array<char, k_trace_state_bytes_max> state_room;
    if (exchange.trace.continued && exchange.tunnel_name == nullptr) {
        record.trace_state = trace_state(exchange.heads->request, state_room);
    }
    // The route's path is what the request's begins with, as routing sees it.
    std::array<char, http::HeadLimits{}.target_bytes_max> path_room;
    if (exchange.route_path_bytes != 0) {
        const auto path = http::normalise_path(record.path, path_room);
        if (path) record.route = path->substr(0, exchange.route_path_bytes);
    }
    name_app(record, exchange);
    tracer.ring.commit(edge::format_span(record, out));
    tell_exporter(tracer);
}

void begin_try(Core& core, Exchange& exchange) {
    if (!exchange.tries_recorded) return;
    TrySpan& attempt = exchange.attempt;
    attempt.open =
        attempt.before < edge::k_try_spans_max && core.port.tracer->budget.take(core.now_ms);
    if (attempt.open) {
        attempt.id = http::span_id(random_bytes<8>(core.random));
        attempt.begun_us = clock_now(Clock::mono_us);
    }
}

http::TraceContext trace_sent(const Exchange& exchange) {
    auto trace = exchange.trace;
    if (exchange.attempt.open) trace.parent_id = exchange.attempt.id;
    return trace;
}

void end_try(Core& core, Exchange& exchange, std::string_view error) {
    if (!exchange.tries_recorded) return;
    TrySpan& attempt = exchange.attempt;
    const std::uint32_t before = attempt.before++;
    if (!std::exchange(attempt.open, false)) return;
    Tracer& tracer = *core.port.tracer;
    tracer.made.add(1);
    const auto out = tracer.ring.reserve(edge::k_span_line_max);
    if (out.empty()) return;
    edge::SpanRecord record{.kind = edge::SpanKind::client,
                            .trace_id = exchange.trace.trace_id,
                            .span_id = attempt.id,
                            .parent_id = exchange.trace.parent_id,
                            .trace_flags = exchange.trace.flags,
                            .error = error,
                            .resends = before};
    end_now(record, clock_now(Clock::mono_us) - attempt.begun_us);
    name_request(record, exchange);
    if (error.empty() || exchange.client_begun) record.status = exchange.status;
    const EndpointView& endpoint = *exchange.endpoint;
    std::array<char, INET6_ADDRSTRLEN> address;
    record.host = {address.data(), endpoint.cell->address.write_ip(address.data(), address.size())};
    record.port = endpoint.cell->address.port();
    record.scheme = endpoint.peer && endpoint.peer->tls ? "https" : "http";
    record.http = endpoint.protocol == WebProtocol::h2c ? "2" : "1.1";
    name_app(record, exchange);
    tracer.ring.commit(edge::format_span(record, out));
    tell_exporter(tracer);
}

}  // namespace moln::edge_loop
