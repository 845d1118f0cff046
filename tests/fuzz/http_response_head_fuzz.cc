// Any bytes as an instance's response head: the split does not matter; what is accepted is
// written as a response that is framed as decided.
#include <cstdint>
#include <string>

#include "base/check.h"
#include "http/head_testing.h"
#include "http/write.h"

namespace moln::http {
namespace {

using testing::ParsedResponse;

void check_rewriting(const ParsedResponse& parsed, Method method, Version client) {
    const BodyFraming received = response_body(parsed.head, {.method = method});
    const BodyFraming body = body_for_client(received, client);
    CHECK(body.kind != BodyKind::chunked || client == Version::http_1_1);
    const ClientResponse response{.request_method = method,
                                  .client_version = client,
                                  .body = body,
                                  .date = "Sun, 06 Nov 1994 08:49:37 GMT"};
    std::string out(head_bytes_bound(parsed.result.consumed, {}), '\0');
    const auto size = write_response_head(parsed.head, response, out);
    CHECK(size.has_value());
    out.resize(*size);
    HeadLimits limits;
    limits.head_bytes_max = k_head_bytes_ceiling;
    const ParsedResponse again = testing::parse_response(out, limits);
    if (again.result.violation == Violation::too_many_fields) return;
    CHECK(again.result.progress == Progress::done && again.result.consumed == out.size());
    CHECK(again.head.status == parsed.head.status && again.head.reason() == parsed.head.reason());
    CHECK(response_body(again.head, {.method = method}) == body);
    const bool ends = body.kind == BodyKind::until_close;
    if (ends) CHECK(again.head.facts.close);
}

void check(std::string_view text) {
    HeadLimits limits;
    limits.head_bytes_max = 2048;  // within the fuzzer's reach
    const ParsedResponse whole = testing::parse_response(text, limits);
    const std::string verdict = describe(whole);
    CHECK(describe(testing::parse_response_in({0, 1}, text, limits)) == verdict);
    const std::size_t piece = text.empty() ? 1 : static_cast<unsigned char>(text.back()) % 16 + 1;
    CHECK(describe(testing::parse_response_in({piece, piece}, text, limits)) == verdict);
    if (whole.result.progress != Progress::done) return;
    CHECK(!whole.head.facts.chunked || !whole.head.facts.content_length);
    for (const Method method : {Method::get, Method::head}) {
        for (const Version client : {Version::http_1_0, Version::http_1_1}) {
            check_rewriting(whole, method, client);
        }
    }
}

}  // namespace
}  // namespace moln::http

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    moln::http::check({reinterpret_cast<const char*>(data), size});
    return 0;
}
