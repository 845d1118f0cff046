// Lines on the edge's control socket, either way: what the edge takes it compiles or refuses, and
// what is read is the same after it was written and read again.
#include "base/check.h"
#include "edge/cache/purge_order.h"
#include "edge/compiled.h"
#include "edge/daemon_line.h"
#include "fuzz_input.h"

using namespace moln;

namespace {

void check_snapshot(const EdgeSnapshot& snapshot) {
    const auto again = from_json_text<EdgeSnapshot>(to_json_text(snapshot));
    CHECK(again && *again == snapshot);
    const auto compiled = edge::compile(snapshot);
    if (!compiled) {
        CHECK(!compiled.error().reason.empty());
        return;
    }
    CHECK(compiled->apps.size() == snapshot.apps.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto text = FuzzInput(data, size).rest();
    if (const auto line = edge::parse_daemon_line(text)) {
        if (const auto* snapshot = std::get_if<EdgeSnapshot>(&*line)) check_snapshot(*snapshot);
        if (const auto* purge = std::get_if<CachePurge>(&*line)) (void)edge::mark_of(*purge);
    }
    if (const auto report = from_json_text<EdgeReport>(text, UnknownFields::ignore)) {
        const auto again = from_json_text<EdgeReport>(to_json_text(*report));
        CHECK(again && *again == *report);
    }
    return 0;
}
