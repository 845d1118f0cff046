// The control thread: what the daemon says goes to the workers, what workers count goes to the
// daemon, probes, metrics, the access log, signals. Nothing here is in a request's way.
#pragma once

#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "edge/compiler.h"
#include "io/file/fd.h"
#include "io/file/lock_file.h"
#include "io/net/epoll.h"
#include "io/tls/server.h"
#include "model/edge_process.h"
#include "runtime/edge/access_log.h"
#include "runtime/edge/cache_peers.h"
#include "runtime/edge/certificate_shelf.h"
#include "runtime/edge/control_part.h"
#include "runtime/edge/core.h"
#include "runtime/edge/daemon_peers.h"
#include "runtime/edge/folder.h"
#include "runtime/edge/listen_sockets.h"
#include "runtime/edge/metrics_server.h"
#include "runtime/edge/prober.h"
#include "runtime/edge/site_shelf.h"
#include "runtime/edge/span_exporter.h"
#include "runtime/edge/state_file.h"
#include "runtime/edge/tables.h"
#include "runtime/edge/take_over.h"

namespace moln::edge_loop {

struct ControlSetup {
    Folder state;
    std::vector<std::string> listens;      // as bound
    std::vector<std::string> tls_listens;  // as bound
    std::optional<SealBox> seal;           // opens the certificates' keys
    std::optional<Folder> sites;           // published ones
    Fd daemon_listener;
    Fd metrics_listener;  // not open: no metrics server
    AccessLog log;
    CacheStore* cache = nullptr;           // outlives it; null: nothing is cached
    CacheDisk* cache_disk = nullptr;       // the same; null: it is in memory alone
    Fd purges;                             // what they share is handed on; not open: nothing is
    const ReplayStore* replays = nullptr;  // the same
    const SpanExporter* spans = nullptr;   // the same; null: none are made
    tls::Server* tls = nullptr;            // the same; null: no listener speaks TLS
    std::vector<HeldSocket> held;          // what an edge that takes this one's place is handed
    std::optional<FileLock> lock;          // of the state directory
    edge::SipKey affinity;                 // see CellRegistry
};

class Control final : public PeerMessages, public FlowHeir {
public:
    // `port` and `workers` outlive it.
    Control(net::Epoll epoll, ControlPort& port, std::vector<std::unique_ptr<WorkerPort>>& workers,
            ControlSetup setup);

    Status prepare(Fd signals);
    // A snapshot from disk; before the workers run. The stamp of what is applied: zeros if it
    // cannot be.
    edge::SnapshotStamp restore(EdgeSnapshot snapshot);
    // Of the cache's peers, from disk; before the workers run.
    void restore(const CachePeering& peering);
    // Sockets of streams that an edge before has; after restore(), before the workers run. Those
    // that the snapshot does not want are closed.
    void adopt(std::vector<HeldSocket> streams);
    // Datagrams are received only once the flows of the edge before have come, or will not: before
    // adopt().
    void await_flows() { awaits_flows_ = true; }
    // The edge before, which this one has taken the place of.
    Status follow(net::LineChannel predecessor);
    // In vain.
    void do_not_follow() { on_flows({.flows = {}, .last = true}, {}); }
    // Until all workers have finished: 0. A second signal: 1, at once.
    int run();

    std::string metrics() const;

private:
    struct SignalPart : ControlPart {
        explicit SignalPart(Control& owner) : control(owner) {}
        void on_event(std::uint32_t events, std::int64_t now_ms) override;
        Control& control;
        Fd fd;
    };
    struct WakePart : ControlPart {
        explicit WakePart(Control& owner) : control(owner) {}
        void on_event(std::uint32_t events, std::int64_t now_ms) override;
        Control& control;
    };

    Status on_snapshot(EdgeSnapshot snapshot) override;
    Result<DeltaAnswer> on_delta(EdgeDelta delta) override;
    Status on_cache_peers(const CachePeering& peering) override;
    Status on_listener(const EdgeListenOffer& offer, std::vector<Fd> sockets) override;
    std::vector<std::string> on_get_report() override;
    void on_get_changes() override;
    std::string on_get_metrics() override;
    std::string on_get_routes() override;
    std::string on_purge(const CachePurge& purge) override;

    std::vector<HandOverAnswer> on_take_over(const edge::TakeOver& wish) override;
    std::vector<std::string> on_took_over(const edge::TookOver& word) override;
    void on_release() override;
    void on_flows(edge::HandedFlows flows, std::vector<Fd> sockets) override;

    bool is_newer(edge::SnapshotStamp offered) const;
    Status take(EdgeSnapshot snapshot);
    Status take(EdgeDelta delta);
    Status take(const CachePeering& peering);
    void publish();
    void publish_if_due(std::int64_t now_ms);
    Status save_unsaved();
    void stop_workers(StopWish wish, Heir heir);
    Result<edge::Handed> gather(const edge::TakeOver& wish, std::vector<Fd>& sockets);
    void share_sockets();
    void send_flows();
    void await_flows_no_longer(std::int64_t now_ms);
    void check_acks();
    void after_wake();
    void on_signal(int number);
    void send_report();
    void tell_changes();
    void flush_log(std::int64_t now_ms);
    EdgeReport report() const;
    EdgeCacheReport cache_report() const;
    EdgeProcessCounts process_counts() const;
    int wait_ms(std::int64_t now_ms) const;
    bool all_finished() const;

    net::Epoll epoll_;
    ControlPort& port_;
    std::vector<std::unique_ptr<WorkerPort>>& workers_;
    ControlSetup setup_;
    CertificateShelf shelf_;
    SiteShelf site_shelf_;
    ListenShelf listens_;
    mutable CellRegistry registry_;
    RouteLedger routes_;
    Prober prober_;
    DaemonPeers peers_;
    MetricsServer metrics_;
    SignalPart signal_part_{*this};
    WakePart wake_part_{*this};

    edge::Compiler compiler_;
    bool told_ = false;  // a snapshot, at least once
    SnapshotFile file_;
    // What is compiled and not yet published.
    std::set<std::uint32_t> touched_;
    bool streams_touched_ = false;
    bool certificates_touched_ = true;
    std::int64_t publish_due_ms_ = -1;  // -1: all is published
    std::int64_t published_ms_ = -edge::k_publish_pause.count;
    std::shared_ptr<const Tables> tables_;  // the last published
    std::shared_ptr<const tls::Sites> sites_;
    std::shared_ptr<const RouteIndex> route_index_;
    std::optional<CachePeering> peering_;
    std::shared_ptr<const CachePeers> cache_peers_;  // null: none
    // The oldest that a worker may still use to the last: given up here, so that no worker has to
    // free one.
    std::deque<std::shared_ptr<const Tables>> published_;
    std::uint64_t generation_ = 0;
    edge::SnapshotStamp acked_;
    std::int64_t report_due_ms_ = 0;
    std::int64_t report_not_before_ms_ = 0;
    std::int64_t log_due_ms_ = -1;
    bool report_now_ = false;
    // What all who take changes have been told; none: they are told the whole.
    std::optional<EdgeReport> told_report_;
    std::optional<Predecessor> predecessor_;
    bool awaits_flows_ = false;                  // of the edge before
    std::int64_t flows_due_ms_ = -1;             // -1: it is not said that they come
    std::vector<std::vector<MovedFlow>> flows_;  // by worker: of them, what has come
    bool flows_wanted_ = false;                  // by the edge after this one
    bool stopping_ = false;                      // by a signal
    bool leaving_ = false;                       // another edge has taken this one's place
    std::int64_t leave_until_ms_ = 0;            // 0: no limit
    bool stop_at_once_ = false;
};

}  // namespace moln::edge_loop
