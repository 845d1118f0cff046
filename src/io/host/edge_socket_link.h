// The line to one process of a real edge: JSON lines over its unix control socket, see
// runtime/edge. Connects by itself, again and again, and sends the latest snapshot after every
// connect, as a whole; afterwards the difference to what it has sent, to an edge that has told that
// it takes differences (model/edge_delta.h). A snapshot that was replaced before it could be sent
// is never sent: however fast they come, an edge gets one at a time.
//
// All calls and callbacks on the loop thread. Destroy before the loop.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "base/result.h"
#include "io/file/fd.h"
#include "io/host/host_loop.h"
#include "model/edge.h"
#include "model/edge_process.h"
#include "model/edge_routes.h"

namespace moln {

inline constexpr std::size_t k_edge_line_bytes_max = 16u << 20;  // both ways
inline constexpr std::size_t k_edge_delta_bytes_max = 1u << 20;  // of a line of a long difference
// Routes, endpoints and apps; a snapshot of more is said in several lines.
inline constexpr std::size_t k_edge_whole_entries_max = 20'000;
inline constexpr std::size_t k_edge_metrics_requests_max = 16;  // unanswered ones
inline constexpr Milliseconds k_edge_retry_first = {50};        // doubled after each failure
inline constexpr Milliseconds k_edge_retry_max = seconds(1);
// An edge reports every second; one that says nothing for so long is taken for lost.
inline constexpr Milliseconds k_edge_silence_max = seconds(10);

struct EdgeSocketOptions {
    std::string path;
    Milliseconds silence_max = k_edge_silence_max;
    // Sent after every connect to an edge that has told that it takes it; "": nothing is.
    std::string cache_peers = "";
};

class EdgeSocketLink {
public:
    EdgeSocketLink(HostLoop& loop, EdgeSocketOptions options);
    ~EdgeSocketLink();
    EdgeSocketLink(const EdgeSocketLink&) = delete;
    EdgeSocketLink& operator=(const EdgeSocketLink&) = delete;

    // Sorted. One that the edge could only be told in lines of more than k_edge_line_bytes_max is
    // logged and not sent: the edge goes on with the one it has.
    void publish(std::shared_ptr<const EdgeSnapshot> snapshot);

    // Called for every report and when the edge is lost (nullptr).
    void on_report(std::function<void(const EdgeReport*)> callback);

    // The edge's metrics as Prometheus text. `unavailable` without an edge or when it is lost
    // before it answers, `refused` past k_edge_metrics_requests_max. Never called from within.
    void request_metrics(std::function<void(Result<std::string>)> callback);

    // What the edge counted for routes since it began. As request_metrics.
    void request_routes(std::function<void(Result<std::vector<EdgeRouteReport>>)> callback);

    // Told with the last report of this connection; none by an edge of before, nor without one.
    std::optional<EdgeProcessCounts> counts() const;

    // What the edge has stored of answers is not used any more once `callback` is called with ok.
    // `invalid` with the edge's reason; else as request_metrics.
    void request_purge(const CachePurge& purge, std::function<void(Status)> callback);

    // Sockets for a stream of the edge's snapshot, or why there are none. Lost without an edge: its
    // next report asks again.
    void offer(const EdgeListenOffer& offer, std::vector<Fd> sockets);

    // In the place of EdgeSocketOptions::cache_peers, also to the edge that is connected.
    void tell_cache_peers(std::string line);

    // The edge is told to end: that it goes is no trouble any more.
    void expect_end();

    // Of the edge at the other end; 0 without one.
    pid_t peer_pid() const;

private:
    class Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace moln
