// The request line and the fields that only requests have.
#include "base/check.h"
#include "http/head.h"
#include "http/head_lines.h"
#include "http/url.h"

namespace moln::http {
namespace {

constexpr std::size_t k_version_line_bytes = 10;  // "HTTP/1.1" CR LF

// One parse call: the states that the public function's arguments are spread over.
class RequestParse {
public:
    RequestParse(Input& in, const HeadLimits& limits, HeadCursor& cursor, RequestHead& head,
                 Violation& violation)
        : in_(in), limits_(limits), cursor_(cursor), head_(head), violation_(violation) {}

    Step run() {
        using enum HeadCursor::Phase;
        Step step = Step::advanced;
        if (cursor_.phase == start) step = parse_start();
        if (cursor_.phase == method && step == Step::advanced) step = parse_method();
        if (cursor_.phase == target && step == Step::advanced) step = parse_target();
        if (cursor_.phase == version && step == Step::advanced) step = parse_version();
        if (step != Step::advanced) return step;
        step = parse_field_lines(in_, limits_, cursor_, head_.fields, violation_,
                                 [this](Slice value) { return note_field(value); });
        return step == Step::finished ? finish() : step;
    }

private:
    Step refuse(Violation why) { return http::refuse(violation_, why); }
    void enter(HeadCursor::Phase phase) {
        cursor_.phase = phase;
        cursor_.begin = in_.offset(in_.at);
    }

    Step parse_start();
    Step parse_method();
    Step parse_target();
    Step parse_version();
    Step split_target();
    bool split_absolute(std::string_view target);
    void split_query(std::string_view rest, std::size_t rest_at);
    Violation note_field(Slice value);
    Violation note_host(Slice value);
    Step finish();

    Input& in_;
    const HeadLimits& limits_;
    HeadCursor& cursor_;
    RequestHead& head_;
    Violation& violation_;
};

Step RequestParse::parse_start() {
    if (in_.starved()) return Step::starved;
    if (*in_.at == '\r' || *in_.at == '\n') {
        if (cursor_.skipped_empty_line) return refuse(Violation::bad_method);
        if (const Step step = take_line_end(in_, violation_); step != Step::advanced) return step;
        cursor_.skipped_empty_line = true;
        return parse_start();
    }
    enter(HeadCursor::Phase::method);
    return Step::advanced;
}

Step RequestParse::parse_method() {
    const char* const begin = in_.base + cursor_.begin;
    const auto room = static_cast<std::size_t>(in_.end - begin);
    const char* const limit = begin + std::min(room, k_method_bytes_max + 1);
    in_.at = skip(k_byte_token, in_.at, limit);
    if (in_.at - begin > static_cast<std::ptrdiff_t>(k_method_bytes_max)) {
        return refuse(Violation::bad_method);
    }
    if (in_.starved()) return Step::starved;
    if (*in_.at != ' ' || in_.at == begin) return refuse(Violation::bad_method);
    head_.method_slice = in_.slice(begin, in_.at);
    head_.method = method_from(head_.method_name());
    if (head_.method == Method::connect || head_.method == Method::trace) {
        return refuse(Violation::method_not_served);
    }
    ++in_.at;
    enter(HeadCursor::Phase::target);
    return Step::advanced;
}

Step RequestParse::parse_target() {
    const char* const begin = in_.base + cursor_.begin;
    const std::size_t room = static_cast<std::size_t>(in_.end - begin);
    const bool limited = room > limits_.target_bytes_max;
    const char* const limit = limited ? begin + limits_.target_bytes_max + 1 : in_.end;
    in_.at = skip(k_byte_target, in_.at, limit);
    if (limited && in_.at == limit) return refuse(Violation::target_too_long);
    if (in_.starved()) return Step::starved;
    if (*in_.at != ' ' || in_.at == begin) return refuse(Violation::bad_target);
    head_.target_slice = in_.slice(begin, in_.at);
    ++in_.at;
    enter(HeadCursor::Phase::version);
    return split_target();
}

// origin-form, absolute-form or asterisk-form (RFC 9112 3.2). The bytes are known to be possible
// ones; what a path may have is stricter.
Step RequestParse::split_target() {
    const std::string_view target = head_.target();
    const std::size_t at = head_.target_slice.at;
    if (target == "*") {
        if (head_.method != Method::options) return refuse(Violation::bad_target);
        head_.form = TargetForm::asterisk;
        return Step::advanced;
    }
    if (target.front() == '/') {
        head_.form = TargetForm::origin;
        split_query(target, at);
    } else {
        head_.form = TargetForm::absolute;
        if (!split_absolute(target)) return refuse(Violation::bad_target);
    }
    const std::string_view path = head_.fields.view(head_.path_slice);
    if (!path.empty() && !is_path(path)) return refuse(Violation::bad_target);
    head_.path_is_plain = path.find('%') == std::string_view::npos &&
                          path.find("/.") == std::string_view::npos &&
                          path.find("//") == std::string_view::npos;
    return Step::advanced;
}

// http://authority[/path][?query]; the authority's slice is compared with Host at the end.
bool RequestParse::split_absolute(std::string_view target) {
    const std::size_t colon = target.find("://");
    if (colon == std::string_view::npos) return false;
    const std::string_view scheme = target.substr(0, colon);
    if (!equals_ignoring_case(scheme, "http") && !equals_ignoring_case(scheme, "https")) {
        return false;
    }
    const std::size_t begin = colon + 3;
    const std::size_t end = std::min(target.find_first_of("/?", begin), target.size());
    const std::string_view authority = target.substr(begin, end - begin);
    if (!parse_authority(authority)) return false;
    head_.authority_slice = in_.slice(authority.data(), authority.data() + authority.size());
    split_query(target.substr(end), head_.target_slice.at + end);
    return true;
}

void RequestParse::split_query(std::string_view rest, std::size_t rest_at) {
    const std::size_t mark = rest.find('?');
    head_.has_query = mark != std::string_view::npos;
    const std::size_t path_size = head_.has_query ? mark : rest.size();
    head_.path_slice = {static_cast<std::uint16_t>(rest_at), static_cast<std::uint16_t>(path_size)};
    head_.query_slice = {};
    if (head_.has_query) {
        head_.query_slice = {static_cast<std::uint16_t>(rest_at + mark + 1),
                             static_cast<std::uint16_t>(rest.size() - mark - 1)};
    }
}

Step RequestParse::parse_version() {
    const std::size_t room = static_cast<std::size_t>(in_.end - in_.at);
    const std::string_view line{in_.at, std::min(room, k_version_line_bytes)};
    if (line == "HTTP/1.1\r\n" || line == "HTTP/1.0\r\n") {
        head_.version = line[7] == '1' ? Version::http_1_1 : Version::http_1_0;
        in_.at += k_version_line_bytes;
        enter(HeadCursor::Phase::field);
        return Step::advanced;
    }
    constexpr std::string_view k_pattern = "HTTP/d.d\r\n";
    for (std::size_t i = 0; i < line.size(); ++i) {
        const bool good = k_pattern[i] == 'd' ? is_digit(line[i]) : line[i] == k_pattern[i];
        if (good) continue;
        const bool line_end = i >= 8 && (line[i] == '\n' || line[i - 1] == '\r');
        return refuse(line_end ? Violation::bad_line_end : Violation::bad_version);
    }
    if (line.size() < k_version_line_bytes) return Step::starved;
    return refuse(Violation::version_not_served);
}

Violation RequestParse::note_field(Slice value) {
    switch (cursor_.name_id) {
        case FieldId::host: return note_host(value);
        case FieldId::expect:
            if (head_.version == Version::http_1_0) return Violation::none;
            if (!equals_ignoring_case(head_.fields.view(value), "100-continue")) {
                return Violation::expectation_not_served;
            }
            head_.expect_continue = true;
            return Violation::none;
        default:
            return note_common_field(cursor_.name_id, head_.fields.view(value), head_.version,
                                     cursor_.saw_transfer_encoding, head_.facts);
    }
}

Violation RequestParse::note_host(Slice value) {
    if (cursor_.saw_host) return Violation::duplicate_host;
    cursor_.saw_host = true;
    const std::string_view text = head_.fields.view(value);
    const auto authority = parse_authority(text);
    if (!authority) return Violation::bad_host;
    if (head_.form == TargetForm::absolute &&
        !equals_ignoring_case(text, head_.fields.view(head_.authority_slice))) {
        return Violation::target_host_differs;
    }
    head_.authority_slice = value;
    head_.host_slice = {value.at, static_cast<std::uint16_t>(authority->host.size())};
    head_.port = authority->port;
    return Violation::none;
}

Step RequestParse::finish() {
    if (!cursor_.saw_host) return refuse(Violation::missing_host);
    if (head_.facts.chunked && head_.facts.content_length) {
        return refuse(Violation::content_length_with_transfer_encoding);
    }
    return Step::finished;
}

}  // namespace

std::string_view RequestHead::path() const {
    if (form == TargetForm::asterisk) return "*";
    if (path_slice.size != 0) return fields.view(path_slice);
    // An absolute form without a path: RFC 9112 3.2.4 makes it "*" for OPTIONS.
    return method == Method::options && !has_query ? "*" : "/";
}

HeadResult parse_request_head(std::string_view buffer, const HeadLimits& limits, HeadCursor& cursor,
                              RequestHead& head) {
    CHECK(limits.head_bytes_max <= k_head_bytes_ceiling && limits.fields_max <= k_fields_max);
    return run_parser(buffer, limits, cursor, head, [&](Input& in, Violation& violation) {
        return RequestParse(in, limits, cursor, head, violation).run();
    });
}

}  // namespace moln::http
