#include "runtime/edge/edge_main.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <iterator>
#include <memory>
#include <thread>
#include <utility>

#include <malloc.h>
#include <sched.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "edge/limits.h"
#include "io/net/socket.h"
#include "runtime/edge/behind_workers.h"
#include "runtime/edge/bind.h"
#include "runtime/edge/cache_coder.h"
#include "runtime/edge/control.h"
#include "runtime/edge/privileges.h"
#include "runtime/edge/say.h"
#include "runtime/edge/shared_purges.h"
#include "runtime/edge/span_exporter.h"
#include "runtime/edge/state_file.h"
#include "runtime/edge/take_over.h"
#include "runtime/edge/worker.h"

namespace moln {
namespace {

using namespace edge_loop;

constexpr mode_t k_control_mode = 0600;
constexpr int k_control_backlog = 16;
constexpr int k_start_failed = 2;
constexpr int k_threads_max = 256;
constexpr int k_heap_block_max = 1 << 20;  // larger blocks are the kernel's at once
constexpr int k_heap_kept = 16 << 20;      // free memory at the heap's end

// Workers are not bound to them: instances run on the same ones, and a thread that may not move
// waits behind whoever is there, far from who woke it.
std::size_t usable_cpus() {
    cpu_set_t set;
    CPU_ZERO(&set);
    const bool known = sched_getaffinity(0, sizeof set, &set) == 0;
    return known ? std::max<std::size_t>(1, static_cast<std::size_t>(CPU_COUNT(&set))) : 1;
}

Result<Fd> take_signals() {
    sigset_t set;
    sigemptyset(&set);
    for (const int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, number);
    (void)std::signal(SIGPIPE, SIG_IGN);
    if (pthread_sigmask(SIG_BLOCK, &set, nullptr) != 0) {
        return fail(error_from_errno(errno, "sigmask"));
    }
    Fd fd(signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
    if (!fd.valid()) return fail(error_from_errno(errno, "signalfd"));
    return fd;
}

edge::SipKey fresh_key() {
    edge::SipKey key;
    if (getrandom(&key, sizeof key, 0) != sizeof key) {
        key.low = static_cast<std::uint64_t>(clock_now(Clock::mono_us));
    }
    return key;
}

// Others are not to know which URLs share a bucket.
std::uint64_t random_seed() {
    std::uint64_t seed = 0;
    if (getrandom(&seed, sizeof seed, 0) != sizeof seed) {
        seed = static_cast<std::uint64_t>(clock_now(Clock::mono_us));
    }
    return seed;
}

LogWish log_wish(const EdgeOptions& options) {
    if (options.access_log.empty()) return LogWish::none;
    return options.access_log_format == AccessLogFormat::combined ? LogWish::combined
                                                                  : LogWish::json;
}

class Edge {
public:
    explicit Edge(const EdgeOptions& options) : options_(options) {}

    Status prepare();
    Status start();
    int run();

private:
    Status inherit();
    Status prepare_workers(Bound& bound);
    SharedPurges share_purges();
    void prepare_cache();
    void start_cache_disk();
    Result<ControlSetup> set_up_control(Bound& bound);
    Status restore();
    Status tell_predecessor();

    const EdgeOptions& options_;
    std::optional<Inheritance> inheritance_;
    std::optional<FileLock> lock_;       // until Control has it
    std::unique_ptr<tls::Server> tls_;   // null: no listener speaks TLS
    std::unique_ptr<CacheStore> cache_;  // null: nothing is cached
    std::uint64_t cache_seed_ = 0;
    std::unique_ptr<CacheCoder> coder_;  // null without a cache
    Fd purges_;                          // what the cache's are kept in, until Control has it
    std::unique_ptr<CacheDisk> disk_;    // null: it is in memory alone
    std::unique_ptr<ReplayStore> replays_;
    std::unique_ptr<SpanExporter> spans_;  // null: none are made
    RateTable rates_{fresh_key()};
    std::unique_ptr<ControlPort> port_;
    std::vector<std::unique_ptr<WorkerPort>> ports_;
    std::vector<std::unique_ptr<Core>> cores_;
    // Their threads wake the workers' ports.
    PasswordChecker passwords_{fresh_key(), fresh_key()};
    FileReader site_reader_;
    FileReader cache_reader_;
    std::unique_ptr<Control> control_;
    std::vector<std::jthread> threads_;
};

Status Edge::prepare_workers(Bound& bound) {
    const std::size_t count = bound.by_worker.size();
    // A fifth of the descriptors is for instances, some for everything else: of a crowd of clients
    // most are idle.
    const std::uint64_t share = raise_descriptor_limit() / 5 * 4 / count;
    EdgeClientLimits limits = options_.limits;
    limits.clients_max = static_cast<std::uint32_t>(
        std::clamp<std::uint64_t>(share > 64 ? share - 64 : 1, 1, limits.clients_max));
    for (std::size_t i = 0; i < count; ++i) {
        MOLN_ASSIGN(auto wake, net::Wake::create());
        ports_.push_back(std::make_unique<WorkerPort>(std::move(wake), *port_, log_wish(options_)));
        if (spans_) ports_.back()->tracer = &spans_->add_worker();
        MOLN_ASSIGN(auto core,
                    prepare_worker(*ports_.back(), {.index = i,
                                                    .limits = limits,
                                                    .listeners = std::move(bound.by_worker[i]),
                                                    .workers = &ports_,
                                                    .cache = cache_.get(),
                                                    .coder = coder_.get(),
                                                    .replays = replays_.get(),
                                                    .rates = &rates_,
                                                    .passwords = &passwords_,
                                                    .site_reader = &site_reader_,
                                                    .cache_reader = &cache_reader_,
                                                    .tls = tls_.get()}));
        cores_.push_back(std::move(core));
    }
    return {};
}

// Those of the edge before, so that either hears of what is purged at the other.
SharedPurges Edge::share_purges() {
    if (inheritance_) {
        auto handed = inheritance_->take_all(edge::HandedKind::purges);
        auto shared = handed.empty() ? std::nullopt : adopt_purges(std::move(handed.front().fd));
        inheritance_->shares_purges = shared.has_value();
        if (shared) return std::move(*shared);
    }
    return make_purges();
}

// A disk that is of no use is no reason not to serve.
void Edge::prepare_cache() {
    const bool has_disk = !options_.cache_disk.empty() && options_.cache_bytes > 0 &&
                          options_.cache_disk_bytes >= edge::k_cache_disk_bytes_min;
    if (!options_.cache_disk.empty() && !has_disk) {
        const auto gone = CacheDisk::abandon(options_.cache_disk);
        if (!gone) say("cache_disk_not_cleared", "reason={}", gone.error().reason);
    }
    if (options_.cache_bytes == 0) return;
    cache_seed_ = random_seed();
    if (has_disk) {
        auto disk = CacheDisk::open({.folder = options_.cache_disk,
                                     .bytes_max = options_.cache_disk_bytes,
                                     .fresh = random_seed()});
        if (disk) {
            disk_ = std::move(*disk);
            cache_seed_ = disk_->seed().value_or(cache_seed_);
        } else {
            say("cache_disk_off", "folder={} reason={}", options_.cache_disk, disk.error().reason);
        }
    }
    auto purges = share_purges();
    purges_ = std::move(purges.fd);
    cache_ =
        std::make_unique<CacheStore>(options_.cache_bytes, cache_seed_, std::move(purges.table));
    coder_ = std::make_unique<CacheCoder>(*cache_);
}

// Once this is the edge's own user, whose the files are to be.
void Edge::start_cache_disk() {
    if (!disk_) return;
    cache_->use_disk(*disk_, [this](std::uint64_t bits) {
        for (std::size_t i = 0; i < ports_.size(); ++i) {
            if ((bits & WorkerSet::bit(i)) == 0) continue;
            if (!ports_[i]->cache_news.exchange(true)) ports_[i]->wake.ring();
        }
    });
    disk_->start(cache_seed_, *cache_);
}

Status Edge::restore() {
    auto saved = load_snapshot(options_.state_dir);
    edge::SnapshotStamp stamp;
    if (!saved) {
        say("snapshot_ignored", "reason={}", saved.error().reason);
    } else if (*saved) {
        stamp = control_->restore(std::move(**saved));
    }
    if (auto peering = load_peering(options_.state_dir); !peering) {
        say("cache_peers_ignored", "reason={}", peering.error().reason);
    } else if (*peering) {
        control_->restore(**peering);
    }
    if (!inheritance_) return {};
    // What was drained by the edge before must not get a request from this one.
    if (edge::compare(stamp, inheritance_->stamp) == edge::StampOrder::newer) {
        return fail(ErrorCode::refused,
                    fmt::format("the snapshot on disk, version {}, is older than that of the edge "
                                "before, version {}",
                                stamp.version, inheritance_->stamp.version));
    }
    if (inheritance_->hands_flows) control_->await_flows();
    control_->adopt(inheritance_->take_all(edge::HandedKind::stream));
    if (tls_) tls_->tickets().adopt(inheritance_->ticket_keys);
    return {};
}

// The lock of the state directory comes along, unless the edge before had left it to one that died.
Status Edge::inherit() {
    if (!options_.take_over.empty()) {
        MOLN_ASSIGN(inheritance_, take_over(options_.take_over, edge::k_take_over_limit));
        auto locks = inheritance_->take_all(edge::HandedKind::lock);
        if (!locks.empty()) {
            MOLN_ASSIGN(lock_, share_lock(std::move(locks.front().fd), options_.state_dir));
            return {};
        }
    }
    MOLN_ASSIGN(lock_, lock_state(options_.state_dir));
    return {};
}

Result<ControlSetup> Edge::set_up_control(Bound& bound) {
    ControlSetup setup{.state = {},
                       .listens = bound.names,
                       .tls_listens = bound.tls_names,
                       .seal = {},
                       .sites = {},
                       .daemon_listener = {},
                       .metrics_listener = std::move(bound.metrics),
                       .log = {},
                       .cache = nullptr,
                       .cache_disk = nullptr,
                       .purges = {},
                       .replays = nullptr,
                       .spans = nullptr,
                       .tls = tls_.get(),
                       .held = std::move(bound.held),
                       .lock = std::exchange(lock_, std::nullopt),
                       .affinity = fresh_key()};
    MOLN_ASSIGN(setup.state, Folder::open(options_.state_dir));
    if (!options_.sites_dir.empty()) {
        MOLN_ASSIGN(setup.sites, Folder::open(options_.sites_dir));
    }
    MOLN_ASSIGN(setup.daemon_listener,
                net::listen_unix(options_.control_socket, k_control_mode, k_control_backlog));
    if (!options_.seal_key.empty()) {
        keep_out_of_core_files();
        // The node's own key is left behind here: it opens far more than certificates.
        MOLN_ASSIGN(const auto node_key, SealBox::open(options_.seal_key));
        setup.seal = node_key.for_purpose(k_seal_certificates);
        const auto affinity = node_key.for_purpose("affinity");
        setup.affinity = {.low = affinity.tag("low"), .high = affinity.tag("high")};
    }
    MOLN_ASSIGN(setup.log, AccessLog::open(options_.access_log));
    return setup;
}

Status Edge::prepare() {
    if (options_.threads < 0 || options_.threads > k_threads_max) {
        return fail(ErrorCode::invalid, fmt::format("threads: must be 0 to {}", k_threads_max));
    }
    const auto count =
        options_.threads > 0 ? static_cast<std::size_t>(options_.threads) : usable_cpus();
    MOLN_TRY(inherit());
    MOLN_ASSIGN(auto bound, bind_all({.listens = options_.listens,
                                      .tls_listens = options_.tls_listens,
                                      .metrics = options_.metrics_listen,
                                      .workers = count},
                                     inheritance_ ? &*inheritance_ : nullptr));
    if (!options_.tls_listens.empty()) {
        MOLN_ASSIGN(tls_, tls::Server::create());
    }
    MOLN_ASSIGN(auto setup, set_up_control(bound));
    MOLN_ASSIGN(auto signals, take_signals());
    MOLN_ASSIGN(auto wake, net::Wake::create());
    port_ = std::make_unique<ControlPort>(std::move(wake));
    prepare_cache();
    setup.cache = cache_.get();
    setup.cache_disk = disk_.get();
    setup.purges = std::move(purges_);
    MOLN_ASSIGN(auto replay_folder, Folder::open(options_.state_dir));
    const auto replay_limits = ReplayStore::limits_of_host(replay_folder);
    replays_ = std::make_unique<ReplayStore>(std::move(replay_folder), replay_limits);
    setup.replays = replays_.get();
    if (!options_.traces.url.empty()) {
        MOLN_ASSIGN(spans_, SpanExporter::create(options_.traces, count));
        setup.spans = spans_.get();
    }
    MOLN_TRY(prepare_workers(bound));
    MOLN_ASSIGN(auto epoll, net::Epoll::create());
    control_ = std::make_unique<Control>(std::move(epoll), *port_, ports_, std::move(setup));
    MOLN_TRY(control_->prepare(std::move(signals)));
    return restore();
}

Status Edge::start() {
    std::vector<std::string> paths = {options_.state_dir, options_.state_dir + "/lock",
                                      options_.access_log, options_.control_socket};
    std::ranges::move(snapshot_paths(options_.state_dir), std::back_inserter(paths));
    if (disk_) std::ranges::copy(disk_->paths(), std::back_inserter(paths));
    MOLN_TRY(drop_privileges({.uid = options_.uid, .gid = options_.gid}, paths));
    start_cache_disk();
    for (const auto& core : cores_) {
        threads_.emplace_back([core = core.get()] { run_worker(*core); });
    }
    passwords_.start();
    site_reader_.start();
    if (disk_) cache_reader_.start();
    go_behind_workers();
    if (coder_) coder_->start();
    if (spans_) spans_->start();
    if (options_.seccomp == EdgeSeccomp::on) MOLN_TRY(restrict_system_calls());
    return inheritance_ ? tell_predecessor() : Status();
}

// From here on both accept; after it only this one.
Status Edge::tell_predecessor() {
    const auto told = tell_took_over(*inheritance_, options_.drain_limit, edge::k_take_over_limit);
    // It may be gone by now, or hang: this edge serves either way.
    if (!told) {
        say("predecessor_silent", "reason={}", told.error().reason);
        control_->do_not_follow();
    } else {
        MOLN_TRY(control_->follow(std::move(inheritance_->line)));
    }
    inheritance_.reset();
    return {};
}

int Edge::run() {
    const int code = control_->run();
    // A second signal: the workers still have work, which dies with the process.
    if (code != 0) _exit(code);
    threads_.clear();
    disk_.reset();  // its threads wake the workers' ports
    ::unlink(options_.control_socket.c_str());
    if (spans_ && !spans_->finish()) _exit(code);
    return code;
}

}  // namespace

int run_edge(const EdgeOptions& options) {
    // Small objects of all threads from one heap: idle, the edge stays small.
    mallopt(M_ARENA_MAX, 1);
    // What the cache frees it soon wants again: given back to the kernel it would be made anew,
    // page by page.
    mallopt(M_MMAP_THRESHOLD, k_heap_block_max);
    mallopt(M_TRIM_THRESHOLD, k_heap_kept);
    Edge edge(options);
    if (const auto prepared = edge.prepare(); !prepared) {
        say("not_started", "reason={}", prepared.error().reason);
        return k_start_failed;
    }
    if (const auto started = edge.start(); !started) {
        say("not_started", "reason={}", started.error().reason);
        _exit(k_start_failed);  // workers may run already
    }
    say("started", "pid={} threads={}", getpid(), options.threads);
    return edge.run();
}

}  // namespace moln
