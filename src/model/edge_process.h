// The processes of a node's edge, each for itself, as people see them: there are several while a
// new one takes the place of another (docs/UPGRADE.md). Nothing is decided by it; decisions are
// made of what all report together (runtime/edge_reports.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/id.h"
#include "base/units.h"
#include "model/edge.h"

namespace moln {

// What an edge tells beside its report.
struct EdgeProcessCounts {
    std::int64_t connections_open = 0;         // of clients, with HTTP and without
    std::int64_t log_lines_dropped_total = 0;  // of the access log: its disk was too slow
    friend bool operator==(const EdgeProcessCounts&, const EdgeProcessCounts&) = default;
};
BOOST_DESCRIBE_STRUCT(EdgeProcessCounts, (), (connections_open, log_lines_dropped_total))

enum class EdgeProcessState {
    starting,  // was not heard yet
    serving,
    leaving,  // another has taken its place: it ends when what it began is over
    unheard,  // may serve, but the daemon does not hear it
};
BOOST_DESCRIBE_ENUM(EdgeProcessState, starting, serving, leaving, unheard)

// One that is not heard has a pid and nothing else.
struct EdgeProcessView {
    NodeId node;
    std::int64_t pid = 0;
    EdgeProcessState state = EdgeProcessState::starting;
    // Of what the daemon told: what all its threads work by, and what they should.
    std::int64_t epoch_acked = 0;
    std::int64_t version_acked = 0;
    std::int64_t epoch_wanted = 0;
    std::int64_t version_wanted = 0;
    std::vector<std::string> listens;      // "127.0.0.1:8080", as bound
    std::vector<std::string> tls_listens;  // the same, over TLS
    std::vector<EdgeListenReport> streams;
    std::int64_t requests_open = 0;  // at instances
    std::int64_t requests_held = 0;  // wait for an instance
    std::int64_t tunnels_open = 0;   // WebSocket and other upgraded connections, TCP
    Milliseconds oldest_open;        // age of the oldest at an instance, 0 if none
    std::string open_text;           // for people: "3 requests, 2 websockets, oldest 14 min"
    // Null: an edge of an earlier version does not tell.
    std::optional<std::int64_t> connections_open = std::nullopt;
    std::optional<std::int64_t> log_lines_dropped_total = std::nullopt;
    std::int64_t cache_objects = 0;  // in memory, as the sizes of the next two
    Bytes cache_size;
    Bytes cache_size_max;
    Bytes cache_disk_size;
    Bytes cache_disk_size_max;  // 0: there is no disk tier, or another process has it
    friend bool operator==(const EdgeProcessView&, const EdgeProcessView&) = default;
};
BOOST_DESCRIBE_STRUCT(EdgeProcessView, (),
                      (node, pid, state, epoch_acked, version_acked, epoch_wanted, version_wanted,
                       listens, tls_listens, streams, requests_open, requests_held, tunnels_open,
                       oldest_open, open_text, connections_open, log_lines_dropped_total,
                       cache_objects, cache_size, cache_size_max, cache_disk_size,
                       cache_disk_size_max))

// Of one that was heard; what only the daemon knows (node, what is wanted, words) is left open.
EdgeProcessView process_view(const EdgeReport& report,
                             const std::optional<EdgeProcessCounts>& counts);

// "3 requests, 1 waiting, 2 websockets, oldest 14 min"; "" when nothing is open. `tunnel` is what
// users call one.
std::string open_words(const EdgeProcessView& view, std::string_view tunnel);

// A new process takes the place of another.
struct EdgeUpgrade {
    std::int64_t pid_before = 0;
    std::int64_t pid = 0;
};

enum class EdgeUpgradeStage {
    begun,    // the new process was started; the old one serves
    serving,  // the new one serves; the old one finishes what it has begun
    ended,    // the old one has ended
};
BOOST_DESCRIBE_ENUM(EdgeUpgradeStage, begun, serving, ended)

struct EdgeUpgradeView {
    EdgeUpgradeStage stage = EdgeUpgradeStage::begun;
    std::int64_t pid_before = 0;
    std::int64_t pid = 0;
    std::string text;  // for people
    friend bool operator==(const EdgeUpgradeView&, const EdgeUpgradeView&) = default;
};
BOOST_DESCRIBE_STRUCT(EdgeUpgradeView, (), (stage, pid_before, pid, text))

}  // namespace moln
