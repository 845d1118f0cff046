// Any text as what a collector's operator or the collector itself says: an URL, the file of fields,
// Retry-After, the body of an answer.
#include "base/check.h"
#include "edge/collector.h"
#include "edge/export_pace.h"
#include "edge/limits.h"
#include "fuzz_input.h"

using namespace moln;
using namespace moln::edge;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto text = FuzzInput(data, size).rest();
    if (const auto collector = parse_collector(text)) {
        CHECK(collector->port != 0 && !collector->host.empty());
        CHECK(collector->path.ends_with("/v1/traces") && collector->path.front() == '/');
        CHECK(collector->authority().find_first_of("@/ \r\n") == std::string::npos);
    }
    if (const auto fields = collector_fields(text)) {
        const std::string& lines = fields->reveal();
        for (std::size_t i = 0; i < lines.size(); ++i) {
            CHECK((lines[i] == '\n') == (i > 0 && lines[i - 1] == '\r'));
        }
        CHECK(lines.empty() || lines.ends_with("\r\n"));
        CHECK(lines.size() <= 2 * k_collector_fields_bytes_max);
    }
    if (const auto pause = retry_after(text, {784'111'777'000})) {
        CHECK(pause->count >= 0 && *pause <= k_export_retry_after_max);
    }
    CHECK(rejected_spans(text) >= 0);
    return 0;
}
