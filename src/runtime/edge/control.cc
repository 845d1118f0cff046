#include "runtime/edge/control.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <ctime>
#include <iterator>
#include <map>
#include <utility>

#include <sys/signalfd.h>
#include <unistd.h>

#include "edge/cache/purge_order.h"
#include "edge/health.h"
#include "edge/limits.h"
#include "edge/metrics_text.h"
#include "edge/report_lines.h"
#include "runtime/edge/say.h"

namespace moln::edge_loop {
namespace {

std::int64_t now() {
    return clock_now(Clock::mono_us) / 1000;
}

// What the calling thread has used of a processor.
std::int64_t own_cpu_us() {
    timespec used{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return used.tv_sec * 1'000'000 + used.tv_nsec / 1000;
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

std::vector<const RouteCounts*> route_counts(
    const std::vector<std::unique_ptr<WorkerPort>>& workers) {
    std::vector<const RouteCounts*> all;
    for (const auto& worker : workers) all.push_back(&worker->routes);
    return all;
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
      routes_(route_counts(workers)),
      prober_(epoll_,
              [this](const EndpointCell& cell) {
                  report_now_ = true;
                  for (auto& worker : workers_) {
                      {
                          const std::lock_guard lock(worker->mutex);
                          worker->next_health.push_back(&cell);
                      }
                      worker->wake.ring();
                  }
              }),
      peers_(epoll_, *this),
      metrics_(epoll_, [this] { return this->metrics(); }),
      file_(setup_.state),
      flows_(workers.size()) {}

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
    stop_workers(StopWish::end, Heir::any);
}

void Control::stop_workers(StopWish wish, Heir heir) {
    // The edge that comes after this one may have it while this one finishes.
    if (setup_.cache != nullptr) setup_.cache->hear_others();
    if (setup_.cache_disk != nullptr) setup_.cache_disk->release(heir);
    for (auto& worker : workers_) {
        worker->stop.store(wish);
        worker->wake.ring();
    }
}

edge::SnapshotStamp Control::restore(EdgeSnapshot snapshot) {
    const edge::SnapshotStamp stamp{.epoch = snapshot.epoch, .version = snapshot.version};
    if (const auto taken = take(std::move(snapshot)); !taken) {
        say("snapshot_ignored", "reason={}", taken.error().reason);
        return {};
    }
    file_.forget();
    publish();
    say("snapshot_restored", "version={}", stamp.version);
    return stamp;
}

// What is not newer is acknowledged once more.
bool Control::is_newer(edge::SnapshotStamp offered) const {
    return !told_ || edge::compare(compiler_.stamp(), offered) == edge::StampOrder::newer;
}

Status Control::on_snapshot(EdgeSnapshot snapshot) {
    if (is_newer({.epoch = snapshot.epoch, .version = snapshot.version})) {
        MOLN_TRY(take(std::move(snapshot)));
        publish_if_due(now());
    } else {
        report_now_ = true;
    }
    return {};
}

Result<DeltaAnswer> Control::on_delta(EdgeDelta delta) {
    if (!is_newer({.epoch = delta.epoch, .version = delta.version})) {
        report_now_ = true;
        return DeltaAnswer::taken;
    }
    const edge::SnapshotStamp base{.epoch = delta.base_epoch, .version = delta.base_version};
    if (base == edge::SnapshotStamp{}) {
        EdgeSnapshot whole;
        MOLN_TRY(moln::apply(whole, std::move(delta)));
        MOLN_TRY(take(std::move(whole)));
    } else if (base == compiler_.stamp()) {
        MOLN_TRY(take(std::move(delta)));
    } else {
        say("resync", "base={} version={}", base.version, compiler_.stamp().version);
        return DeltaAnswer::whole_wanted;
    }
    publish_if_due(now());
    return DeltaAnswer::taken;
}

Status Control::take(EdgeSnapshot snapshot) {
    MOLN_TRY(sort_snapshot(snapshot));
    return take(diff(compiler_.snapshot(), snapshot));
}

Status Control::take(EdgeDelta delta) {
    const auto note = file_.note_of(delta);
    MOLN_ASSIGN(const auto touched, compiler_.take(std::move(delta)));
    file_.add(note);
    told_ = true;
    touched_.insert(touched.apps.begin(), touched.apps.end());
    streams_touched_ = streams_touched_ || touched.streams;
    certificates_touched_ = certificates_touched_ || touched.certificates;
    if (publish_due_ms_ < 0) publish_due_ms_ = published_ms_ + edge::k_publish_pause.count;
    return {};
}

// One that cannot be used is told of, and who was asked before goes on being asked.
Status Control::on_cache_peers(const CachePeering& peering) {
    if (peering_ == peering) return {};
    if (const auto taken = take(peering); !taken) {
        say("cache_peers_ignored", "reason={}", taken.error().reason);
        return {};
    }
    if (!leaving_) {
        if (const auto saved = save_peering(setup_.state, peering); !saved) {
            say("cache_peers_not_saved", "reason={}", saved.error().reason);
        }
    }
    publish();
    return {};
}

Status Control::take(const CachePeering& peering) {
    std::shared_ptr<const CachePeers> opened;
    if (!peering.name.empty()) {
        MOLN_ASSIGN(const auto key, shelf_.unseal(peering.sealed_key, k_cache_peering_context));
        MOLN_ASSIGN(opened, open_peers(peering, key, registry_));
    }
    peering_ = peering;
    cache_peers_ = std::move(opened);
    return {};
}

void Control::restore(const CachePeering& peering) {
    if (const auto taken = take(peering); !taken) {
        say("cache_peers_ignored", "reason={}", taken.error().reason);
        return;
    }
    publish();
}

void Control::publish_if_due(std::int64_t now_ms) {
    if (publish_due_ms_ >= 0 && now_ms >= publish_due_ms_) publish();
}

void Control::publish() {
    publish_due_ms_ = -1;
    published_ms_ = now();
    if (std::exchange(certificates_touched_, false)) {
        const auto& snapshot = compiler_.snapshot();
        sites_ = shelf_.sites_of(snapshot, compiler_.compiled());
        if (setup_.tls != nullptr) {
            const Now clocks{.wall = {clock_now(Clock::wall_ms)}, .mono = {now()}, .steady = {}};
            setup_.tls->tickets().share(shelf_.ticket_keys_of(snapshot, clocks));
        }
    }
    if (!tables_ || tables_->compiled.routes != compiler_.compiled().routes) {
        route_index_ = routes_.assign(compiler_.snapshot().routes);
    }
    const std::vector<std::uint32_t> touched(touched_.begin(), touched_.end());
    touched_.clear();
    tables_ = registry_.join(compiler_.compiled(), touched,
                             {.sites = sites_, .route_index = route_index_, .peers = cache_peers_},
                             ++generation_,
                             [this](const EdgeApp& app) { return site_shelf_.site_of(app); });
    published_.push_back(tables_);
    prober_.set_targets(*tables_, touched, published_ms_);
    for (auto& worker : workers_) worker->post(tables_, touched);
    const bool streams = std::exchange(streams_touched_, false);
    if (streams && listens_.want(*tables_->compiled.streams)) share_sockets();
}

Status Control::on_listener(const EdgeListenOffer& offer, std::vector<Fd> sockets) {
    MOLN_ASSIGN(const bool opened, listens_.take(offer, std::move(sockets)));
    if (opened) share_sockets();
    report_now_ = report_now_ || opened || !offer.problem.empty();
    return {};
}

// Without those whose flows are to come.
void Control::share_sockets() {
    auto open = listens_.open();
    if (awaits_flows_) {
        std::erase_if(open, [](const auto& one) { return one->listen.protocol == Protocol::udp; });
    }
    const auto shared = std::make_shared<const ListenSockets>(std::move(open));
    for (std::size_t i = 0; i < workers_.size(); ++i) {
        WorkerPort& worker = *workers_[i];
        {
            const std::lock_guard lock(worker.mutex);
            worker.next_sockets = shared;
            if (!awaits_flows_) {
                std::ranges::move(std::exchange(flows_[i], {}),
                                  std::back_inserter(worker.next_flows));
            }
        }
        worker.wake.ring();
    }
}

// Only what every worker has swapped in, and the disk has, is acknowledged.
void Control::check_acks() {
    std::uint64_t swapped = generation_;
    for (const auto& worker : workers_) {
        // A worker that has finished begins nothing any more.
        if (!worker->finished.load()) swapped = std::min(swapped, worker->acked.load());
    }
    while (published_.size() > 1 && published_[1]->generation <= swapped) published_.pop_front();
    if (published_.empty() || published_.front()->generation > swapped) return;
    const auto stamp = published_.front()->stamp();
    if (acked_ == stamp) return;
    // Routing is right without the file; only a restart would be late. So it is no reason to hold
    // up a switch.
    if (const auto saved = save_unsaved(); !saved) {
        say("snapshot_not_saved", "version={} reason={}", stamp.version, saved.error().reason);
    }
    acked_ = stamp;
    report_now_ = true;
}

// As far as it was told: the disk may be before the workers, never behind what is acknowledged.
Status Control::save_unsaved() {
    // The file is another edge's.
    if (leaving_) return {};
    return file_.save(compiler_.snapshot());
}

void Control::after_wake() {
    check_acks();
    send_flows();
    if (port_.endpoint_idle.exchange(false)) report_now_ = true;
    if (port_.log.is_waiting() && log_due_ms_ < 0) {
        log_due_ms_ = now() + edge::k_log_flush_pause.count;
    }
    if (port_.log.is_pressing()) log_due_ms_ = 0;
}

void Control::flush_log(std::int64_t now_ms) {
    if (log_due_ms_ < 0 || now_ms < log_due_ms_) return;
    log_due_ms_ = -1;
    port_.log.withdraw();
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
        for (const auto& app : tables_->apps) {
            if (!app) continue;
            report.apps.push_back(report_of(*app->cell));
            const auto panic = panic_of(*app);
            for (const EndpointEntry& one : app->endpoints) {
                std::string reason = prober_.reason(one.cell.get());
                if (panic[one.canary ? 1 : 0] && one.cell->late) reason += edge::k_panic_words;
                count_endpoint(endpoints, *one.cell, reason, now_ms);
            }
        }
    }
    for (auto& [instance, one] : endpoints) report.endpoints.push_back(std::move(one));
    sort_report(report);
    return report;
}

std::vector<std::string> Control::on_get_report() {
    // Who asked, and takes changes, has more than the others.
    told_report_.reset();
    return edge::report_lines(report(), process_counts());
}

void Control::on_get_changes() {
    told_report_.reset();
    report_now_ = true;
}

std::string Control::on_get_metrics() {
    json::object line;
    line.emplace("metrics", metrics());
    return json::serialize(line);
}

std::string Control::on_get_routes() {
    json::object line;
    line.emplace("routes", to_json(routes_.report()));
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

EdgeProcessCounts Control::process_counts() const {
    EdgeProcessCounts counts{.connections_open = 0,
                             .log_lines_dropped_total = setup_.log.dropped()};
    for (const auto& worker : workers_) {
        counts.connections_open += worker->counts.clients_open.get();
        if (worker->log) counts.log_lines_dropped_total += worker->log->dropped();
    }
    return counts;
}

std::string Control::metrics() const {
    edge::EdgeTotals totals;
    totals.log_lines_dropped_total = process_counts().log_lines_dropped_total;
    totals.replay_bytes = static_cast<std::int64_t>(setup_.replays->bytes());
    totals.replay_files_total = static_cast<std::int64_t>(setup_.replays->kept_total());
    totals.replay_refused_total = static_cast<std::int64_t>(setup_.replays->refused_total());
    if (setup_.spans != nullptr) setup_.spans->add_to(totals);
    for (const auto& worker : workers_) add_to(totals, worker->counts);
    edge::MetricParts parts{.mirrors = {}, .routes = routes_.report()};
    if (tables_) {
        for (const auto& app : tables_->apps) {
            if (app) parts.mirrors.push_back(mirrors_of(*app->cell));
        }
    }
    return edge::metrics_text(report(), totals, parts);
}

void Control::tell_changes() {
    auto now = report();
    const auto counts = process_counts();
    peers_.broadcast(ReportForm::changes,
                     told_report_ ? edge::change_lines(changes_since(*told_report_, now), counts)
                                  : edge::report_lines(now, counts));
    told_report_ = std::move(now);
}

void Control::send_report() {
    const std::int64_t begun_us = own_cpu_us();
    report_now_ = false;
    if (setup_.cache != nullptr) setup_.cache->hear_others();
    if (peers_.has(ReportForm::whole)) {
        peers_.broadcast(ReportForm::whole, edge::report_lines(report(), process_counts()));
    }
    if (peers_.has(ReportForm::changes)) tell_changes();
    const std::int64_t done_ms = now();
    report_due_ms_ = done_ms + edge::k_report_pause.count;
    // One of a hundred thousand endpoints takes its time: news wait, so that there is some left.
    report_not_before_ms_ = done_ms + (own_cpu_us() - begun_us) * edge::k_report_rest / 1000;
}

int Control::wait_ms(std::int64_t now_ms) const {
    std::int64_t first = now_ms + 60'000;
    if (!peers_.empty()) first = std::min(first, report_due_ms_);
    if (report_now_) first = std::min(first, report_not_before_ms_);
    for (const auto due : {peers_.resume_due_ms(), metrics_.resume_due_ms()}) {
        if (due >= 0) first = std::min(first, due);
    }
    if (leave_until_ms_ != 0) first = std::min(first, leave_until_ms_);
    if (flows_due_ms_ >= 0) first = std::min(first, flows_due_ms_);
    if (log_due_ms_ >= 0) first = std::min(first, log_due_ms_);
    if (publish_due_ms_ >= 0) first = std::min(first, publish_due_ms_);
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
        publish_if_due(now_ms);
        await_flows_no_longer(now_ms);
        prober_.run_due(now_ms);
        check_acks();
        flush_log(now_ms);
        const bool news = report_now_ && now_ms >= report_not_before_ms_;
        if (news || now_ms >= report_due_ms_) send_report();
        peers_.drop_ended(now_ms);
        metrics_.drop_ended(now_ms);
    }
    setup_.log.flush(workers_);
    send_report();
    say("stopped", "pid={}", getpid());
    return 0;
}

}  // namespace moln::edge_loop
