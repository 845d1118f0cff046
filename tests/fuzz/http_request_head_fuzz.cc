// Any bytes as a request head: the split does not matter; what is accepted has no second reading
// by the plainest means, and is written as a request that reads the same.
#include <array>
#include <cstdint>
#include <string>

#include "base/check.h"
#include "http/head_testing.h"
#include "http/url.h"
#include "http/write.h"

namespace moln::http {
namespace {

using testing::ParsedRequest;

std::size_t count_lines_beginning(std::string_view head, std::string_view name) {
    std::size_t found = 0;
    for (std::size_t at = head.find("\r\n"); at != std::string_view::npos;
         at = head.find("\r\n", at + 2)) {
        const std::string_view line = head.substr(at + 2);
        found += equals_ignoring_case(line.substr(0, name.size()), name) ? 1 : 0;
    }
    return found;
}

void check_has_one_reading(const ParsedRequest& parsed) {
    const std::string_view head = std::string_view(parsed.text).substr(0, parsed.result.consumed);
    for (std::size_t i = 0; i < head.size(); ++i) {
        if (head[i] == '\n') CHECK(i > 0 && head[i - 1] == '\r');
        if (head[i] == '\r') CHECK(i + 1 < head.size() && head[i + 1] == '\n');
        const auto byte = static_cast<unsigned char>(head[i]);
        CHECK(byte != 0x7f && (byte >= 0x20 || head[i] == '\t' || byte == '\r' || byte == '\n'));
    }
    CHECK(head.ends_with("\r\n\r\n"));
    CHECK(count_lines_beginning(head, "host:") == 1);
    const std::size_t lengths = count_lines_beginning(head, "content-length:");
    const std::size_t codings = count_lines_beginning(head, "transfer-encoding:");
    CHECK(lengths + codings <= 1);
    const BodyKind body = request_body(parsed.head).kind;
    CHECK((codings == 1) == (body == BodyKind::chunked));
    CHECK(body != BodyKind::length || lengths == 1);
}

void check_path(const RequestHead& head) {
    if (head.path() == "*") return;
    CHECK(is_path(head.path()));
    std::string out(head.path().size(), '\0');
    const auto normal = normalise_path(head.path(), out);
    if (head.path_is_plain) CHECK(normal == head.path());
}

void check_rewriting(const ParsedRequest& parsed, ForwardedTrust trust) {
    std::array<std::uint8_t, k_trace_random_bytes> random{1, 2, 3};
    const TraceContext trace = continue_trace(parsed.head, random);
    const UpstreamRequest request{.client_address = "192.0.2.7",
                                  .trust = trust,
                                  .body = request_body(parsed.head),
                                  .upgrade = upgrade_wish(parsed.head),
                                  .expect_continue = parsed.head.expect_continue,
                                  .trace = &trace};
    std::string out(head_bytes_bound(parsed.result.consumed, {}), '\0');
    const auto size = write_request_head(parsed.head, request, out);
    CHECK(size.has_value());
    out.resize(*size);
    HeadLimits limits;
    limits.head_bytes_max = k_head_bytes_ceiling;
    const ParsedRequest again = testing::parse_request(out, limits);
    // Forwarding fields are added, so a head that is full already may become too full.
    if (again.result.violation == Violation::too_many_fields) return;
    CHECK(again.result.progress == Progress::done && again.result.consumed == out.size());
    check_has_one_reading(again);
    CHECK(again.head.method_name() == parsed.head.method_name());
    CHECK(again.head.path() == parsed.head.path() && again.head.query() == parsed.head.query());
    CHECK(again.head.authority() == parsed.head.authority());
    CHECK(request_body(again.head) == request_body(parsed.head));
    CHECK(upgrade_wish(again.head).kind == upgrade_wish(parsed.head).kind);
    CHECK(parse_traceparent(*again.head.fields.first(FieldId::traceparent)).has_value());
}

void check(std::string_view text) {
    HeadLimits limits;
    limits.head_bytes_max = 2048;  // within the fuzzer's reach
    limits.target_bytes_max = 256;
    const ParsedRequest whole = testing::parse_request(text, limits);
    const std::string verdict = describe(whole);
    CHECK(describe(testing::parse_request_in({0, 1}, text, limits)) == verdict);
    const std::size_t piece = text.empty() ? 1 : static_cast<unsigned char>(text.back()) % 16 + 1;
    CHECK(describe(testing::parse_request_in({piece, piece}, text, limits)) == verdict);
    if (whole.result.progress != Progress::done) return;
    check_has_one_reading(whole);
    check_path(whole.head);
    check_rewriting(whole, ForwardedTrust::replace);
    check_rewriting(whole, ForwardedTrust::append);
}

}  // namespace
}  // namespace moln::http

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    moln::http::check({reinterpret_cast<const char*>(data), size});
    return 0;
}
