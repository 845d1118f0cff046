#include "edge/access_line.h"

#include "edge/line_writer.h"

namespace moln::edge {

std::size_t format_access_line(const AccessRecord& record, std::span<char> out) {
    LineWriter line(out);
    line.raw("{\"time_ms\":");
    line.number(record.time.ms);
    line.raw(",\"client\":");
    line.quoted(record.client, k_short_text_max);
    line.raw(",\"method\":");
    line.quoted(record.method, k_short_text_max);
    line.raw(",\"host\":");
    line.quoted(record.host, k_host_text_max);
    line.raw(",\"path\":");
    line.quoted(record.path, k_log_text_max);
    line.raw(",\"status\":");
    line.number(record.status);
    line.raw(",\"bytes\":");
    line.number(record.bytes);
    line.raw(",\"duration_us\":");
    line.number(record.duration_us);
    line.raw(",\"queue_us\":");
    line.number(record.queue_us);
    line.raw(",\"app\":");
    line.quoted(record.app, k_host_text_max);
    line.raw(",\"process\":");
    line.quoted(record.process, k_short_text_max);
    line.raw(",\"instance\":");
    line.quoted(record.instance, k_short_text_max);
    line.raw(",\"retries\":");
    line.number(record.retries);
    line.raw(",\"http\":");
    line.quoted(record.http, k_short_text_max);
    line.raw(",\"tls\":");
    line.quoted(record.tls, k_short_text_max);
    line.raw(",\"trace\":\"");
    line.hex(record.trace_id);
    line.raw("\"}\n");
    return line.size();
}

}  // namespace moln::edge
