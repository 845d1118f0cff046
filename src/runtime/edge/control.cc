#include "runtime/edge/control.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <map>
#include <utility>

#include <sys/signalfd.h>
#include <unistd.h>

#include "edge/cache/purge_order.h"
#include "edge/health.h"
#include "edge/limits.h"
#include "edge/metrics_text.h"
#include "runtime/edge/say.h"
#include "runtime/edge/state_file.h"

namespace moln::edge_loop {
namespace {

std::int64_t now() {
    return clock_now(Clock::mono_us) / 1000;
}

void count_endpoint(std::map<InstanceId, EndpointReport>& reports, const EndpointCell& cell,
                    const std::string& reason, std::int64_t now_ms) {
    EndpointReport& report = reports[cell.instance];
    report.instance = cell.instance;
    report.health = cell.health.load();
    report.health_reason = reason;
    add_to(report, cell, now_ms);
}

// Of the endpoints of the release that serves, and of a canary's.
std::array<bool, 2> panic_of(const AppEntry& app) {
    std::array<edge::Panic, 2> panic;
    for (const EndpointEntry& one : app.endpoints) {
        panic[one.canary ? 1 : 0].see(one.state, one.cell->health, one.cell->late);
    }
    return {panic[0].is_on(), panic[1].is_on()};
}

}  // namespace

Control::Control(net::Epoll epoll, ControlPort& port,
                 std::vector<std::unique_ptr<WorkerPort>>& workers, ControlSetup setup)
    : epoll_(std::move(epoll)),
      port_(port),
      workers_(workers),
      setup_(std::move(setup)),
      shelf_(std::move(setup_.seal)),
      site_shelf_(std::move(setup_.sites)),
      registry_(workers.size(), setup_.affinity),
      prober_(epoll_,
              [this] {
                  report_now_ = true;
                  for (auto& worker : workers_) {
                      worker->health.fetch_add(1);
                      worker->wake.ring();
                  }
              }),
      peers_(epoll_, *this),
      metrics_(epoll_, [this] { return this->metrics(); }) {}

Status Control::prepare(Fd signals) {
    signal_part_.fd = std::move(signals);
    MOLN_TRY(epoll_.add(signal_part_.fd.get(), EPOLLIN, static_cast<ControlPart*>(&signal_part_)));
    MOLN_TRY(epoll_.add(port_.wake.fd(), EPOLLIN, static_cast<ControlPart*>(&wake_part_)));
    MOLN_TRY(peers_.listen(std::move(setup_.daemon_listener)));
    if (setup_.metrics_listener.valid()) {
        MOLN_TRY(metrics_.listen(std::move(setup_.metrics_listener)));
    }
    return {};
}

void Control::SignalPart::on_event(std::uint32_t /*events*/, std::int64_t /*now_ms*/) {
    signalfd_siginfo info{};
    while (::read(fd.get(), &info, sizeof info) == sizeof info) {
        control.on_signal(static_cast<int>(info.ssi_signo));
    }
}

void Control::WakePart::on_event(std::uint32_t /*events*/, std::int64_t /*now_ms*/) {
    control.port_.wake.clear();
    control.after_wake();
}

void Control::on_signal(int number) {
    if (number == SIGHUP) {
        setup_.log.flush(workers_);
        if (const auto reopened = setup_.log.reopen(); !reopened) {
            say("access_log_not_reopened", "reason={}", reopened.error().reason);
        }
        return;
    }
    if (stopping_) {
        stop_at_once_ = true;
        return;
    }
    stopping_ = true;
    say("stopping", "signal={}", number);
    // Nobody is to wait in the backlog of a socket that is only held.
    setup_.held.clear();
    if (predecessor_) predecessor_->release();
    stop_workers(StopWish::end);
}

void Control::stop_workers(StopWish wish) {
    // The edge that comes after this one may have it while this one finishes.
    if (setup_.cache_disk != nullptr) setup_.cache_disk->release();
    for (auto& worker : workers_) {
        worker->stop.store(wish);
        worker->wake.ring();
    }
}

edge::SnapshotStamp Control::restore(EdgeSnapshot snapshot) {
    const edge::SnapshotStamp stamp{.epoch = snapshot.epoch, .version = snapshot.version};
    if (const auto applied = apply(std::move(snapshot)); !applied) {
        say("snapshot_ignored", "reason={}", applied.error().reason);
        return {};
    }
    unsaved_.reset();
    say("snapshot_restored", "version={}", stamp.version);
    return stamp;
}

Status Control::on_snapshot(EdgeSnapshot snapshot) {
    const edge::SnapshotStamp offered{.epoch = snapshot.epoch, .version = snapshot.version};
    if (tables_) {
        const edge::SnapshotStamp here{.epoch = tables_->compiled.epoch,
                                       .version = tables_->compiled.version};
        if (edge::compare(here, offered) != edge::StampOrder::newer) {
            report_now_ = true;
            return {};
        }
    }
    return apply(std::move(snapshot));
}

Status Control::apply(EdgeSnapshot snapshot) {
    MOLN_ASSIGN(auto compiled, edge::compile(snapshot));
    auto sites = shelf_.sites_of(snapshot, compiled);
    if (setup_.tls != nullptr) {
        const Now clocks{.wall = {clock_now(Clock::wall_ms)}, .mono = {now()}, .steady = {}};
        setup_.tls->tickets().share(shelf_.ticket_keys_of(snapshot, clocks));
    }
    const auto open_sites = site_shelf_.sites_of(snapshot);
    unsaved_ = std::move(snapshot);
    tables_ = registry_.join(std::move(compiled), std::move(sites), ++generation_, open_sites);
    prober_.set_targets(*tables_, now());
    for (auto& worker : workers_) {
        {
            const std::lock_guard lock(worker->mutex);
            worker->next = tables_;
        }
        worker->wake.ring();
    }
    if (listens_.want(tables_->compiled.streams)) share_sockets();
    return {};
}

Status Control::on_listener(const EdgeListenOffer& offer, std::vector<Fd> sockets) {
    MOLN_ASSIGN(const bool opened, listens_.take(offer, std::move(sockets)));
    if (opened) share_sockets();
    report_now_ = report_now_ || opened || !offer.problem.empty();
    return {};
}

void Control::share_sockets() {
    const auto open = listens_.open();
    for (auto& worker : workers_) {
        {
            const std::lock_guard lock(worker->mutex);
            worker->next_sockets = open;
        }
        worker->wake.ring();
    }
}

// Only what every worker has swapped in, and the disk has, is acknowledged.
void Control::check_acks() {
    if (!tables_) return;
    const edge::SnapshotStamp stamp{.epoch = tables_->compiled.epoch,
                                    .version = tables_->compiled.version};
    if (acked_ == stamp) return;
    // A worker that has finished begins nothing any more.
    const bool all = std::ranges::all_of(workers_, [&](const auto& worker) {
        return worker->acked.load() == tables_->generation || worker->finished.load();
    });
    if (!all) return;
    // Routing is right without the file; only a restart would be late. So it is no reason to hold
    // up a switch.
    if (const auto saved = save_unsaved(); !saved) {
        say("snapshot_not_saved", "version={} reason={}", stamp.version, saved.error().reason);
    }
    acked_ = stamp;
    report_now_ = true;
}

Status Control::save_unsaved() {
    // The file is another edge's.
    if (leaving_) unsaved_.reset();
    if (!unsaved_) return {};
    MOLN_TRY(save_snapshot(setup_.state, *unsaved_));
    unsaved_.reset();
    return {};
}

void Control::after_wake() {
    check_acks();
    if (port_.endpoint_idle.exchange(false)) report_now_ = true;
    if (port_.log_waiting.load() && log_due_ms_ < 0) {
        log_due_ms_ = now() + edge::k_log_flush_pause.count;
    }
    if (port_.log_pressing.load()) log_due_ms_ = 0;
}

void Control::flush_log(std::int64_t now_ms) {
    if (log_due_ms_ < 0 || now_ms < log_due_ms_) return;
    log_due_ms_ = -1;
    port_.log_waiting.store(false);
    port_.log_pressing.store(false);
    setup_.log.flush(workers_);
}

EdgeReport Control::report() const {
    EdgeReport report;
    report.acked_version = acked_.version;
    report.acked_epoch = acked_.epoch;
    report.pid = getpid();
    report.leaving = leaving_;
    report.listens = setup_.listens;
    report.tls_listens = setup_.tls_listens;
    report.streams = listens_.report();
    report.cache = cache_report();
    std::map<InstanceId, EndpointReport> endpoints;
    const std::int64_t now_ms = now();
    for (const auto& cell : registry_.leftovers()) count_endpoint(endpoints, *cell, "", now_ms);
    if (tables_) {
        for (const AppEntry& app : tables_->apps) {
            report.apps.push_back(report_of(*app.cell));
            const auto panic = panic_of(app);
            for (const EndpointEntry& one : app.endpoints) {
                std::string reason = prober_.reason(one.cell.get());
                if (panic[one.canary ? 1 : 0] && one.cell->late) reason += edge::k_panic_words;
                count_endpoint(endpoints, *one.cell, reason, now_ms);
            }
        }
    }
    for (auto& [instance, one] : endpoints) report.endpoints.push_back(std::move(one));
    return report;
}

std::string Control::report_line() const {
    json::object line;
    line.emplace("report", to_json(report()));
    return json::serialize(line);
}

std::string Control::on_get_report() {
    return report_line();
}

std::string Control::on_get_metrics() {
    json::object line;
    line.emplace("metrics", metrics());
    return json::serialize(line);
}

// {"purged": ""}, or why it was not.
std::string Control::on_purge(const CachePurge& purge) {
    json::object line;
    const auto mark = edge::mark_of(purge);
    Status done = mark ? Status() : fail(mark.error());
    if (mark && setup_.cache != nullptr) done = setup_.cache->purge_for_good(*mark);
    line.emplace("purged", done ? std::string() : done.error().reason);
    return json::serialize(line);
}

EdgeCacheReport Control::cache_report() const {
    EdgeCacheReport report;
    if (setup_.cache == nullptr) return report;
    const CacheStoreStats stats = setup_.cache->stats();
    report.objects = stats.objects;
    report.size = {stats.bytes};
    report.size_max = {stats.bytes_max};
    report.evictions_total = stats.evictions_total;
    report.purges_total = stats.purges_total;
    report.codings_total = stats.codings_total;
    if (stats.disk) {
        report.disk_objects = stats.disk->objects;
        report.disk_size = {stats.disk->bytes};
        report.disk_size_max = {stats.disk->bytes_max};
        report.disk_hits_total = stats.disk->hits_total;
        report.disk_writes_total = stats.disk->writes_total;
        report.disk_drops_total = stats.disk->drops_total;
        report.disk_errors_total = stats.disk->errors_total;
    }
    for (const auto& worker : workers_) add_to(report, worker->counts);
    return report;
}

std::string Control::metrics() const {
    edge::EdgeTotals totals;
    totals.log_lines_dropped_total = setup_.log.dropped();
    totals.replay_bytes = static_cast<std::int64_t>(setup_.replays->bytes());
    totals.replay_files_total = static_cast<std::int64_t>(setup_.replays->kept_total());
    totals.replay_refused_total = static_cast<std::int64_t>(setup_.replays->refused_total());
    for (const auto& worker : workers_) {
        add_to(totals, worker->counts);
        if (worker->log) totals.log_lines_dropped_total += worker->log->dropped();
    }
    std::vector<edge::MirrorTotals> mirrors;
    if (tables_) {
        for (const AppEntry& app : tables_->apps) mirrors.push_back(mirrors_of(*app.cell));
    }
    return edge::metrics_text(report(), totals, mirrors);
}

void Control::send_report() {
    report_now_ = false;
    report_due_ms_ = now() + edge::k_report_pause.count;
    if (!peers_.empty()) peers_.broadcast(report_line());
}

int Control::wait_ms(std::int64_t now_ms) const {
    std::int64_t first = now_ms + 60'000;
    if (!peers_.empty()) first = std::min(first, report_due_ms_);
    if (leave_until_ms_ != 0) first = std::min(first, leave_until_ms_);
    if (log_due_ms_ >= 0) first = std::min(first, log_due_ms_);
    if (!metrics_.empty()) first = std::min(first, now_ms + k_metrics_reader_ms_max);
    if (const auto due = prober_.next_due_ms(); due >= 0) first = std::min(first, due);
    return static_cast<int>(std::max<std::int64_t>(first - now_ms, 0));
}

bool Control::all_finished() const {
    return std::ranges::all_of(workers_,
                               [](const auto& worker) { return worker->finished.load(); });
}

int Control::run() {
    while (!all_finished()) {
        const auto events = epoll_.wait(wait_ms(now()));
        const std::int64_t now_ms = now();
        for (const epoll_event& event : events) {
            static_cast<ControlPart*>(event.data.ptr)->on_event(event.events, now_ms);
        }
        if (leave_until_ms_ != 0 && now_ms >= leave_until_ms_) {
            say("drain_limit_over", "pid={}", getpid());
            stop_at_once_ = true;
        }
        if (stop_at_once_) {
            setup_.log.flush(workers_);
            return 1;
        }
        prober_.run_due(now_ms);
        check_acks();
        flush_log(now_ms);
        if (report_now_ || now_ms >= report_due_ms_) send_report();
        peers_.drop_ended();
        metrics_.drop_ended(now_ms);
    }
    setup_.log.flush(workers_);
    send_report();
    say("stopped", "pid={}", getpid());
    return 0;
}

}  // namespace moln::edge_loop
