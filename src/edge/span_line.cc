#include "edge/span_line.h"

#include "edge/line_writer.h"

namespace moln::edge {
namespace {

// Span.SpanKind.SPAN_KIND_SERVER and Status.StatusCode.STATUS_CODE_ERROR.
constexpr int k_kind_server = 2;
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
    line.number(record.trace_flags |
                (record.parent_id.empty() ? k_flags_begun : k_flags_continued));
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

void put_attributes(SpanWriter& out, const SpanRecord& record) {
    out.text("http.request.method", record.method_known ? record.method : "_OTHER",
             k_short_text_max);
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

}  // namespace

std::size_t format_span(const SpanRecord& record, std::span<char> out) {
    SpanWriter span(out);
    LineWriter& line = span.line();
    put_ids(line, record);
    put_name(line, record);
    line.raw(",\"kind\":");
    line.number(k_kind_server);
    line.raw(",\"startTimeUnixNano\":\"");
    line.number(record.begin_ns);
    line.raw("\",\"endTimeUnixNano\":\"");
    line.number(record.end_ns);
    line.raw("\",\"attributes\":[");
    put_attributes(span, record);
    const bool failed = record.status >= 500;
    if (failed) {
        line.raw(",{\"key\":\"error.type\",\"value\":{\"stringValue\":\"");
        line.number(record.status);
        line.raw("\"}}");
    } else if (record.broken) {
        line.raw(",{\"key\":\"error.type\",\"value\":{\"stringValue\":\"broken_off\"}}");
    }
    line.raw("],\"status\":{");
    if (failed || record.broken) {
        line.raw("\"code\":");
        line.number(k_status_error);
    }
    line.raw("}}\n");
    return line.size();
}

}  // namespace moln::edge
