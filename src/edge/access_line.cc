#include "edge/access_line.h"

#include <chrono>

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
    if (!record.error.empty()) {
        line.raw(",\"error\":");
        line.quoted(record.error, k_short_text_max);
    }
    line.raw(",\"http\":");
    line.quoted(record.http, k_short_text_max);
    line.raw(",\"tls\":");
    line.quoted(record.tls, k_short_text_max);
    line.raw(",\"trace\":\"");
    line.hex(record.trace_id);
    line.raw("\"}\n");
    return line.size();
}

namespace {

constexpr std::string_view k_months = "JanFebMarAprMayJunJulAugSepOctNovDec";

void two_digits(LineWriter& line, unsigned value) {
    if (value < 10) line.raw("0");
    line.number(value);
}

// [29/Nov/2026:23:59:59 +0000]
void put_time(LineWriter& line, WallTime time) {
    const auto at =
        std::chrono::sys_time<std::chrono::milliseconds>(std::chrono::milliseconds(time.ms));
    const auto day = std::chrono::floor<std::chrono::days>(at);
    const std::chrono::year_month_day date(day);
    const auto second = std::chrono::floor<std::chrono::seconds>(at - day).count();
    const auto month = static_cast<unsigned>(date.month());
    line.raw("[");
    two_digits(line, static_cast<unsigned>(date.day()));
    line.raw("/");
    line.raw(k_months.substr(std::size_t{3} * (month - 1), 3));
    line.raw("/");
    line.number(static_cast<int>(date.year()));
    for (const auto part : {second / 3600, second / 60 % 60, second % 60}) {
        line.raw(":");
        two_digits(line, static_cast<unsigned>(part));
    }
    line.raw(" +0000]");
}

// Within quotes.
void put_escaped(LineWriter& line, std::string_view text, std::size_t bytes_max) {
    if (text.empty()) return line.raw("-");
    line.escaped(text, bytes_max);
}

}  // namespace

std::size_t format_combined_line(const AccessRecord& record, std::span<char> out) {
    LineWriter line(out);
    put_escaped(line, record.client, k_short_text_max);
    line.raw(" - - ");
    put_time(line, record.time);
    line.raw(" \"");
    if (record.method.empty()) {
        line.raw("-");
    } else {
        put_escaped(line, record.method, k_short_text_max);
        line.raw(" ");
        put_escaped(line, record.path, k_log_text_max);
        line.raw(" HTTP/");
        line.raw(record.http == "2" ? "2.0" : record.http);
    }
    line.raw("\" ");
    // 499 is what nginx and others write for a client that left before an answer.
    line.number(record.status == 0 ? 499 : record.status);
    line.raw(" ");
    if (record.bytes == 0) {
        line.raw("-");
    } else {
        line.number(record.bytes);
    }
    line.raw(" \"");
    put_escaped(line, record.referer, k_log_text_max / 2);
    line.raw("\" \"");
    put_escaped(line, record.user_agent, k_log_text_max / 2);
    line.raw("\" ");
    line.number(record.duration_us);
    line.raw("\n");
    return line.size();
}

}  // namespace moln::edge
