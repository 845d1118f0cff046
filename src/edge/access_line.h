// One line of the access log, made of values without allocating: a JSON object a request, or
// Apache's combined log format.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/units.h"

namespace moln::edge {

// Why a request got no answer of an instance, or not all of one.
inline constexpr std::string_view k_error_no_instance = "no_instance";  // none ran, or none in time
inline constexpr std::string_view k_error_unreachable =
    "unreachable";                                        // none could be connected to
inline constexpr std::string_view k_error_busy = "busy";  // all had as much as they may
inline constexpr std::string_view k_error_queue_full = "queue_full";
inline constexpr std::string_view k_error_refused = "refused";        // by the instance, unread
inline constexpr std::string_view k_error_broken_off = "broken_off";  // before or in its answer
inline constexpr std::string_view k_error_answer_timeout = "answer_timeout";

struct AccessRecord {
    WallTime time = {};  // when the request's head was complete
    std::string_view client = {};
    std::string_view method = {};
    std::string_view host = {};
    std::string_view path = {};  // without the query, which may hold secrets
    std::uint16_t status = 0;    // 0: the client left before an answer
    std::uint64_t bytes = 0;     // of the response body, sent to the client
    std::int64_t duration_us = 0;
    std::int64_t queue_us = 0;  // of that, waiting for an instance
    std::string_view app = {};  // "" when no route matched
    std::string_view process = {};
    std::string_view instance = {};  // "" when none answered
    std::uint32_t retries = 0;
    std::string_view error = {};                  // above; "" when there was none
    std::string_view http = {};                   // "1.0", "1.1", "2"; "" for no valid request
    std::string_view tls = {};                    // "1.3"; "" without
    std::span<const std::uint8_t> trace_id = {};  // 16 bytes, or none
    std::string_view referer = {};                // of combined lines alone, as user_agent
    std::string_view user_agent = {};
};

// Writes the line with its newline and returns its size; 0 when `out` is too small (k_log_line_max
// always suffices). Bytes that JSON cannot carry are escaped; a long field is cut at
// k_log_text_max bytes.
std::size_t format_access_line(const AccessRecord& record, std::span<char> out);

// CLIENT - - [TIME] "METHOD PATH HTTP/VERSION" STATUS BYTES "REFERER" "USER-AGENT" MICROSECONDS, as
// Apache's %h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-agent}i" %D (mod_log_config), the time in
// UTC, the path without its query. What is not there is "-". Quotes and backslashes are escaped
// with one, other bytes that are not printable ASCII as \xHH, as Apache does: a line is a line,
// whatever a client sends.
std::size_t format_combined_line(const AccessRecord& record, std::span<char> out);

}  // namespace moln::edge
