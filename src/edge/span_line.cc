#include "edge/span_line.h"

#include <array>

#include "edge/line_writer.h"

namespace moln::edge {
namespace {

// Status.StatusCode.STATUS_CODE_ERROR.
constexpr int k_status_error = 2;
// SpanFlags, above the trace's own: bit 8 says that bit 9 is known, bit 9 that the parent is
// remote.
constexpr unsigned k_flags_begun = 0x100;
constexpr unsigned k_flags_continued = 0x300;
constexpr std::size_t k_route_text_max = 256;
constexpr std::size_t k_agent_text_max = 256;
constexpr std::size_t k_state_text_max = 512;  // what must at least be passed on (3.3.1.5)
// All fields cut, and 2 KiB for what stands around them.
static_assert(k_span_line_max >= k_log_text_max + k_state_text_max + 2 * k_route_text_max +
                                     k_agent_text_max + 2 * k_host_text_max + 9 * k_short_text_max +
                                     2048);

class SpanWriter {
public:
    explicit SpanWriter(std::span<char> out) : line_(out) {}

    LineWriter& line() { return line_; }
    void text(std::string_view key, std::string_view value, std::size_t bytes_max) {
        if (value.empty()) return;
        begin(key, "stringValue");
        line_.quoted(value, bytes_max);
        line_.raw("}}");
    }
    // int64 is a string in protobuf's JSON.
    void number(std::string_view key, std::int64_t value) {
        begin(key, "intValue");
        line_.raw("\"");
        line_.number(value);
        line_.raw("\"}}");
    }

private:
    void begin(std::string_view key, std::string_view kind) {
        line_.raw(first_ ? "{\"key\":\"" : ",{\"key\":\"");
        first_ = false;
        line_.raw(key);
        line_.raw("\",\"value\":{\"");
        line_.raw(kind);
        line_.raw("\":");
    }
    LineWriter line_;
    bool first_ = true;
};

void put_ids(LineWriter& line, const SpanRecord& record) {
    line.raw("{\"traceId\":\"");
    line.hex(record.trace_id);
    line.raw("\",\"spanId\":\"");
    line.hex(record.span_id);
    if (!record.parent_id.empty()) {
        line.raw("\",\"parentSpanId\":\"");
        line.hex(record.parent_id);
    }
    line.raw("\"");
    if (!record.trace_state.empty()) {
        line.raw(",\"traceState\":");
        line.quoted(record.trace_state, k_state_text_max);
    }
    line.raw(",\"flags\":");
    const bool remote = record.kind == SpanKind::server && !record.parent_id.empty();
    line.number(record.trace_flags | (remote ? k_flags_continued : k_flags_begun));
}

// "{method} {route}": of few values, whatever clients ask for.
void put_name(LineWriter& line, const SpanRecord& record) {
    line.raw(",\"name\":\"");
    line.json(record.method_known ? record.method : "HTTP", k_short_text_max);
    if (!record.route.empty()) {
        line.raw(" ");
        line.json(record.route, k_route_text_max);
    }
    line.raw("\"");
}

// Where the request was sent, without its query.
void put_url(SpanWriter& out, const SpanRecord& record) {
    std::array<char, k_host_text_max + k_log_text_max> room;
    LineWriter url(room);
    const bool v6 = record.host.find(':') != std::string_view::npos;
    url.raw(record.scheme);
    url.raw(v6 ? "://[" : "://");
    url.raw(record.host.substr(0, k_short_text_max));
    url.raw(v6 ? "]:" : ":");
    url.number(record.port);
    url.raw(record.path.substr(0, k_log_text_max));
    out.text("url.full", {room.data(), url.size()}, room.size());
}

std::string_view method_of(const SpanRecord& record) {
    return record.method_known ? record.method : "_OTHER";
}

void put_try(SpanWriter& out, const SpanRecord& record) {
    out.text("http.request.method", method_of(record), k_short_text_max);
    if (!record.method_known) {
        out.text("http.request.method_original", record.method, k_short_text_max);
    }
    put_url(out, record);
    out.text("server.address", record.host, k_host_text_max);
    out.number("server.port", record.port);
    out.text("network.protocol.version", record.http, k_short_text_max);
    if (record.resends != 0) out.number("http.request.resend_count", record.resends);
    if (record.status != 0) out.number("http.response.status_code", record.status);
    out.text("moln.app", record.app, k_host_text_max);
    out.text("moln.process", record.process, k_short_text_max);
    out.text("moln.instance", record.instance, k_short_text_max);
}

void put_attributes(SpanWriter& out, const SpanRecord& record) {
    out.text("http.request.method", method_of(record), k_short_text_max);
    if (!record.method_known) {
        out.text("http.request.method_original", record.method, k_short_text_max);
    }
    out.text("http.route", record.route, k_route_text_max);
    out.text("url.path", record.path, k_log_text_max);
    out.text("url.scheme", record.scheme, k_short_text_max);
    out.text("server.address", record.host, k_host_text_max);
    if (record.port != 0) out.number("server.port", record.port);
    out.text("client.address", record.client, k_short_text_max);
    out.text("user_agent.original", record.user_agent, k_agent_text_max);
    out.text("network.protocol.version", record.http, k_short_text_max);
    if (record.status != 0) out.number("http.response.status_code", record.status);
    out.text("moln.app", record.app, k_host_text_max);
    out.text("moln.process", record.process, k_short_text_max);
    out.text("moln.instance", record.instance, k_short_text_max);
    out.number("moln.queue_us", record.queue_us);
    out.number("moln.retries", record.retries);
    out.text("moln.cache", record.cache, k_short_text_max);
}

// A client of HTTP has an error in a 4xx too, as the semantic conventions have it; a server has
// not.
bool is_error(const SpanRecord& record) {
    return record.status >= (record.kind == SpanKind::client ? 400 : 500);
}

std::string_view error_word(const SpanRecord& record) {
    return record.kind == SpanKind::server && record.broken ? "broken_off" : record.error;
}

}  // namespace

std::size_t format_span(const SpanRecord& record, std::span<char> out) {
    SpanWriter span(out);
    LineWriter& line = span.line();
    put_ids(line, record);
    put_name(line, record);
    line.raw(",\"kind\":");
    line.number(static_cast<int>(record.kind));
    line.raw(",\"startTimeUnixNano\":\"");
    line.number(record.begin_ns);
    line.raw("\",\"endTimeUnixNano\":\"");
    line.number(record.end_ns);
    line.raw("\",\"attributes\":[");
    record.kind == SpanKind::client ? put_try(span, record) : put_attributes(span, record);
    const std::string_view word = error_word(record);
    const bool failed = is_error(record);
    if (failed && (word.empty() || record.kind == SpanKind::server)) {
        line.raw(",{\"key\":\"error.type\",\"value\":{\"stringValue\":\"");
        line.number(record.status);
        line.raw("\"}}");
    } else {
        span.text("error.type", word, k_short_text_max);
    }
    line.raw("],\"status\":{");
    if (failed || !word.empty()) {
        line.raw("\"code\":");
        line.number(k_status_error);
    }
    line.raw("}}\n");
    return line.size();
}

}  // namespace moln::edge
