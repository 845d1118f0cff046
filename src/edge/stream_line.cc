#include "edge/stream_line.h"

#include "edge/line_writer.h"

namespace moln::edge {

std::string_view word(StreamOutcome outcome) {
    switch (outcome) {
        case StreamOutcome::done: return "done";
        case StreamOutcome::client_left: return "client_left";
        case StreamOutcome::instance_left: return "instance_left";
        case StreamOutcome::idle: return "idle";
        case StreamOutcome::half_closed: return "half_closed";
        case StreamOutcome::no_instance: return "no_instance";
        case StreamOutcome::unknown_name: return "unknown_name";
        case StreamOutcome::bad_preface: return "bad_preface";
        case StreamOutcome::late_preface: return "late_preface";
        case StreamOutcome::no_tls: return "no_tls";
        case StreamOutcome::out_of_capacity: return "out_of_capacity";
    }
    return "";
}

bool is_error(StreamOutcome outcome) {
    return outcome == StreamOutcome::instance_left || outcome == StreamOutcome::no_instance ||
           outcome == StreamOutcome::no_tls || outcome == StreamOutcome::out_of_capacity;
}

std::size_t format_stream_line(const StreamRecord& record, std::span<char> out) {
    LineWriter line(out);
    line.raw("{\"time_ms\":");
    line.number(record.time.ms);
    line.raw(",\"client\":");
    line.quoted(record.client, k_short_text_max);
    line.raw(",\"listen\":");
    line.quoted(record.listen, k_short_text_max);
    line.raw(",\"host\":");
    line.quoted(record.host, k_host_text_max);
    line.raw(",\"outcome\":");
    line.quoted(word(record.outcome), k_short_text_max);
    line.raw(",\"bytes_in\":");
    line.number(record.bytes_in);
    line.raw(",\"bytes_out\":");
    line.number(record.bytes_out);
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
    line.raw("}\n");
    return line.size();
}

}  // namespace moln::edge
