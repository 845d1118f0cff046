// Makes CompiledSnapshots of what a daemon says, one of the other: only what a delta touches is
// looked at and compiled anew. Holds the snapshot as it was told, for whoever keeps it. No clock,
// no IO; the control thread's.
//
// Routes are compiled as a whole when one of them changed, or when an app came or went; a change of
// endpoints, by far the most frequent, costs one app.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/result.h"
#include "edge/compile_parts.h"
#include "edge/compiled.h"
#include "model/edge_delta.h"

namespace moln::edge {

// What differs between one compiled snapshot and the next.
struct Touched {
    std::vector<std::uint32_t> apps;  // places, sorted
    bool streams = false;
    bool certificates = false;  // or challenges, ticket keys, routes that ask for certificates
};

class Compiler {
public:
    // Both all or nothing. `conflict`: the delta is of another base. Invalid, with the route, app
    // or endpoint named: something twice, a route that is none or leads to no app, a stream whose
    // listen is none, an address that is no IPv4 literal, port 0, negative limits. Refused: more
    // apps, endpoints, routes, challenges or ports of streams than their limits.
    Result<Touched> take(EdgeDelta delta);
    Result<Touched> take(EdgeSnapshot snapshot);

    const EdgeSnapshot& snapshot() const { return snapshot_; }
    SnapshotStamp stamp() const { return {.epoch = snapshot_.epoch, .version = snapshot_.version}; }
    const CompiledSnapshot& compiled() const { return compiled_; }

private:
    // What is to take the place of what, once it is sure that all of it is good.
    struct Draft;

    // `undo` says what the snapshot's change has touched.
    Result<Draft> compile_all(const EdgeDelta& undo) const;
    Status compile_apps(const EdgeDelta& undo, Draft& draft) const;
    Status compile_app(const EdgeAppKey& key, Draft& draft) const;
    Status compile_routes(Draft& draft) const;
    Touched install(Draft draft);

    EdgeSnapshot snapshot_;
    CompiledSnapshot compiled_;
    AppPlaces places_;
    std::vector<std::uint32_t> free_;  // places of compiled_.apps
    std::size_t endpoints_ = 0;
};

}  // namespace moln::edge
