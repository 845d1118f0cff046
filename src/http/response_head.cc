// The status line of an instance's response and what its status forbids.
#include "base/check.h"
#include "http/head.h"
#include "http/head_lines.h"

namespace moln::http {
namespace {

constexpr std::string_view k_status_pattern = "HTTP/1.b sdd";  // b: 0 or 1, s: 1 to 5

bool fits_pattern(char c, char pattern) {
    switch (pattern) {
        case 'b': return c == '0' || c == '1';
        case 's': return c >= '1' && c <= '5';
        case 'd': return is_digit(c);
        default: return c == pattern;
    }
}

class ResponseParse {
public:
    ResponseParse(Input& in, const HeadLimits& limits, HeadCursor& cursor, ResponseHead& head,
                  Violation& violation)
        : in_(in), limits_(limits), cursor_(cursor), head_(head), violation_(violation) {}

    Step run() {
        using enum HeadCursor::Phase;
        Step step = Step::advanced;
        if (cursor_.phase == start) step = parse_status();
        if (cursor_.phase == reason && step == Step::advanced) step = parse_reason();
        if (step != Step::advanced) return step;
        step =
            parse_field_lines(in_, limits_, cursor_, head_.fields, violation_, [this](Slice value) {
                return note_common_field(cursor_.name_id, head_.fields.view(value), head_.version,
                                         cursor_.saw_transfer_encoding, head_.facts);
            });
        return step == Step::finished ? finish() : step;
    }

private:
    Step refuse(Violation why) { return http::refuse(violation_, why); }
    Step parse_status();
    Step parse_reason();
    Step finish();

    Input& in_;
    const HeadLimits& limits_;
    HeadCursor& cursor_;
    ResponseHead& head_;
    Violation& violation_;
};

// Up to the code; looked at again from the line's begin when it arrives in pieces, it is short.
Step ResponseParse::parse_status() {
    const std::size_t room = static_cast<std::size_t>(in_.end - in_.at);
    const std::string_view line{in_.at, std::min(room, k_status_pattern.size() + 1)};
    for (std::size_t i = 0; i < std::min(line.size(), k_status_pattern.size()); ++i) {
        if (!fits_pattern(line[i], k_status_pattern[i])) {
            return refuse(Violation::bad_status_line);
        }
    }
    if (line.size() <= k_status_pattern.size()) return Step::starved;
    const char after = line[k_status_pattern.size()];
    if (after != ' ' && after != '\r') return refuse(Violation::bad_status_line);
    head_.version = line[7] == '1' ? Version::http_1_1 : Version::http_1_0;
    head_.status = static_cast<std::uint16_t>((line[9] - '0') * 100 + (line[10] - '0') * 10 +
                                              (line[11] - '0'));
    in_.at += k_status_pattern.size() + (after == ' ' ? 1 : 0);
    cursor_.begin = in_.offset(in_.at);
    cursor_.phase = HeadCursor::Phase::reason;
    return Step::advanced;
}

Step ResponseParse::parse_reason() {
    // Without the blank the phrase is empty: nothing but the line's end may come.
    const bool phrase_allowed = in_.base[cursor_.begin - 1] == ' ';
    if (phrase_allowed) in_.at = skip_value(in_.at, in_.end);
    if (in_.starved()) return Step::starved;
    if (*in_.at != '\r' && *in_.at != '\n') return refuse(Violation::bad_status_line);
    const char* const end = in_.at;
    if (const Step step = take_line_end(in_, violation_); step != Step::advanced) return step;
    head_.reason_slice = in_.slice(in_.base + cursor_.begin, end);
    cursor_.phase = HeadCursor::Phase::field;
    return Step::advanced;
}

Step ResponseParse::finish() {
    const MessageFacts& facts = head_.facts;
    if (facts.chunked && facts.content_length) {
        return refuse(Violation::content_length_with_transfer_encoding);
    }
    // RFC 9112 6.1, RFC 9110 8.6. A Content-Length of 0 is as wrong but common and harmless.
    const bool bodiless = head_.status < 200 || head_.status == 204;
    if (bodiless && (facts.chunked || facts.content_length.value_or(0) != 0)) {
        return refuse(Violation::framing_not_allowed);
    }
    return Step::finished;
}

}  // namespace

HeadResult parse_response_head(std::string_view buffer, const HeadLimits& limits,
                               HeadCursor& cursor, ResponseHead& head) {
    CHECK(limits.head_bytes_max <= k_head_bytes_ceiling && limits.fields_max <= k_fields_max);
    return run_parser(buffer, limits, cursor, head, [&](Input& in, Violation& violation) {
        return ResponseParse(in, limits, cursor, head, violation).run();
    });
}

}  // namespace moln::http
