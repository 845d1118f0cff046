// Lines on the edge's control socket, either way: what the edge takes it compiles or refuses, and
// what is read is the same after it was written and read again.
#include "base/check.h"
#include "edge/cache/purge_order.h"
#include "edge/compiled.h"
#include "edge/compiler.h"
#include "edge/daemon_line.h"
#include "edge/journal.h"
#include "fuzz_input.h"
#include "model/edge_process.h"
#include "model/edge_routes.h"

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

// On a snapshot of its own base with an app, a route and a certificate in it: it is applied and can
// be undone, or it changes nothing.
void check_delta(EdgeDelta delta) {
    EdgeSnapshot before;
    before.epoch = delta.base_epoch;
    before.version = delta.base_version;
    before.routes = {{"shop.example", "/", AppId("default/shop"), "web"}};
    before.apps.resize(1);
    before.apps[0].app = AppId("default/shop");
    before.apps[0].process = "web";
    before.certificates.resize(1);
    auto after = before;
    auto undo = apply(after, std::move(delta));
    if (!undo) {
        CHECK(after == before);
        return;
    }
    auto sorted = after;
    CHECK(sort_snapshot(sorted) && sorted == after);
    CHECK(apply(after, std::move(*undo)) && after == before);
    edge::Compiler compiler;
    CHECK(compiler.take(before));
    if (!compiler.take(diff(before, sorted))) CHECK(compiler.snapshot() == before);
}

// What an edge tells the daemon.
template <typename Told>
void check_same_again(std::string_view text) {
    const auto told = from_json_text<Told>(text, UnknownFields::ignore);
    if (!told) return;
    const auto again = from_json_text<Told>(to_json_text(*told));
    CHECK(again && *again == *told);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto text = FuzzInput(data, size).rest();
    if (const auto line = edge::parse_daemon_line(text)) {
        if (const auto* snapshot = std::get_if<EdgeSnapshot>(&*line)) check_snapshot(*snapshot);
        if (const auto* delta = std::get_if<EdgeDelta>(&*line)) check_delta(*delta);
        if (const auto* peering = std::get_if<CachePeering>(&*line)) {
            const auto again = from_json_text<CachePeering>(to_json_text(*peering));
            CHECK(again && *again == *peering);
            if (const auto valid = validate(*peering); !valid) CHECK(!valid.error().reason.empty());
        }
        if (const auto* purge = std::get_if<CachePurge>(&*line)) (void)edge::mark_of(*purge);
    }
    EdgeSnapshot saved;
    edge::replay(saved, text);
    CHECK(sort_snapshot(saved));
    check_same_again<EdgeReport>(text);
    check_same_again<EdgeProcessCounts>(text);
    check_same_again<std::vector<EdgeRouteReport>>(text);
    return 0;
}
