// Everything one worker has, and the few verbs that all its flows share. One thread; what other
// threads see of it is WorkerPort.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <vector>

#include "http/date.h"
#include "io/net/epoll.h"
#include "io/net/wake.h"
#include "runtime/edge/cache_parts.h"
#include "runtime/edge/cells.h"
#include "runtime/edge/datagram_parts.h"
#include "runtime/edge/edge_main.h"
#include "runtime/edge/file_parts.h"
#include "runtime/edge/log_ring.h"
#include "runtime/edge/mirror_sink.h"
#include "runtime/edge/parts.h"
#include "runtime/edge/pipe_pool.h"
#include "runtime/edge/rate_table.h"
#include "runtime/edge/slab.h"
#include "runtime/edge/stream_parts.h"
#include "runtime/edge/tables.h"
#include "runtime/edge/tracer.h"
#include "runtime/edge/views.h"

namespace moln::edge_loop {

enum class StopWish : std::uint8_t {
    none,
    leave,  // another edge accepts on the same sockets: connections are left when it suits them
    end,    // nobody does: who is idle is sent away
};

enum class LogWish : std::uint8_t { none, json, combined };

// How workers reach the control thread.
struct ControlPort {
    net::Wake wake;
    std::atomic<bool> endpoint_idle = false;  // a draining endpoint has nothing open any more
    LogCall log;
};

// How the control thread reaches one worker.
struct WorkerPort {
    WorkerPort(net::Wake ring, ControlPort& port, LogWish log);

    net::Wake wake;
    ControlPort& control;
    // Lets the worker have `tables`, which differ from those it was let have last at `touched`.
    void post(std::shared_ptr<const Tables> tables, std::span<const std::uint32_t> touched);

    std::mutex mutex;                                   // of every next, and of left_flows
    std::shared_ptr<const Tables> next;                 // taken by the worker
    std::vector<std::uint32_t> next_touched;            // places where it differs; perhaps twice
    std::shared_ptr<const ListenSockets> next_sockets;  // of streams; taken by the worker
    std::vector<const EndpointCell*> next_health;       // of which a probe's verdict changed
    std::atomic<std::uint64_t> acked = 0;               // generation that the worker has swapped in
    std::atomic<bool> cache_news = false;     // a fetch or a body that it waits for has moved on
    std::atomic<bool> password_news = false;  // one that it waits for was checked
    std::atomic<bool> file_news = false;      // bytes that it waits for were read
    std::vector<MovedFlow> next_flows;        // of an edge before, with the sockets they came by
    std::vector<MovedFlow> left_flows;        // for the edge that this one is left to
    std::atomic<bool> flows_wanted = false;   // before `stop`: they are to be left there
    std::atomic<bool> flows_left = false;     // they all are
    std::atomic<StopWish> stop = StopWish::none;
    std::atomic<bool> finished = false;
    WorkerCounts counts;
    RouteCounts routes;
    LogWish log_wish;
    std::unique_ptr<LogRing> log;  // null without an access log
    Tracer* tracer = nullptr;      // null: no spans are made
};

struct Listener : Part {
    Listener() : Part{PartKind::listener} {}
    Fd fd;
    std::uint16_t port = 0;
    bool tls = false;
};

// A fast generator for trace ids (xoshiro256**); they need no secrecy, only to differ.
class Random {
public:
    explicit Random(std::span<const std::uint64_t, 4> seed);
    std::uint64_t next();

private:
    std::array<std::uint64_t, 4> state_;
};

enum class Clock : std::uint8_t { mono_us, wall_ms };
std::int64_t clock_now(Clock clock);

class CacheCoder;

struct Core final : DrainListener {
    Core(std::size_t number, WorkerPort& its_port, net::Epoll poll, EdgeClientLimits its_limits);

    std::size_t index;
    WorkerPort& port;
    WorkerCounts& counts;
    net::Epoll epoll;
    EdgeClientLimits limits;
    const tls::Server* tls = nullptr;  // null: no listener speaks TLS
    const std::vector<std::unique_ptr<WorkerPort>>* workers = nullptr;  // this one's among them
    std::uint16_t tls_port = 0;  // where redirects lead; 0: there is no such place
    bool several_ports = false;  // for one of the two schemes
    std::vector<Listener> listeners;
    Part wake_part{PartKind::wake};

    // The turn's time; durations are measured with a fresh look.
    std::int64_t now_us = 0;
    std::int64_t now_ms = 0;
    std::int64_t wall_ms = 0;
    std::array<char, http::k_date_bytes> date;
    std::int64_t date_second = -1;

    BufferPool buffers;
    PipePool pipes;
    Slab<Client> clients;
    Slab<Upstream> upstreams;
    Slab<Exchange> exchanges;
    Slab<Heads> heads;
    Slab<H2Stream> h2_streams;
    Slab<CacheVisit> visits;
    Slab<CacheFill> fills;
    CacheStore* cache = nullptr;                   // shared by all workers; null: nothing is cached
    bool cache_news = false;                       // of this worker's own fetches, or of its port
    edge::List<CacheVisit, ByVisit> cache_visits;  // that wait for news
    edge::List<CacheVisit, ByTimer> cache_wait_timers, cache_load_timers;
    CacheCoder* coder = nullptr;           // the same; there is one if there is a cache
    ReplayStore* replays = nullptr;        // shared by all workers
    RateTable* rates = nullptr;            // the same
    PasswordChecker* passwords = nullptr;  // the same
    bool password_news = false;
    edge::List<PasswordVisit, ByPassword> password_visits;
    // Shared by all workers: a cache's disk that hangs holds up no site.
    FileReader* site_reader = nullptr;
    FileReader* cache_reader = nullptr;
    bool file_news = false;
    Slab<FileBody> file_bodies;
    edge::List<FileBody, ByFile> file_bodies_waiting;  // for the disk
    edge::List<FileBody, ByTimer> file_load_timers, file_read_timers;
    std::int64_t site_untold_until_ms = 0;     // what cannot be read of sites is not said
    edge::List<MirrorSink, ByMirror> mirrors;  // oldest first
    std::uint32_t mirrors_open = 0;
    Views views;
    // Of streams, to be listened on once the tables that are on their way in are in use.
    std::shared_ptr<const ListenSockets> next_sockets;
    std::vector<MovedFlow> next_flows;  // that came with them
    Random random;

    edge::List<Client, ByAge> all_clients;
    edge::List<Client, ByAgain> again;    // not done, but had their share of this turn
    edge::List<H2Link, ByFlush> flushes;  // something was gathered to be sent
    edge::List<Client, ByTimer> head_timers, idle_timers, stall_timers, discard_timers, look_timers,
        half_closed_timers, shutdown_timers;
    edge::List<Upstream, ByTimer> connect_timers, upstream_idle_timers, peer_timers,
        peer_stall_timers;
    // Of instances that are to answer, by their app's answer_timeout in ms.
    std::map<std::int64_t, edge::List<Upstream, ByTimer>> answer_timers;
    std::vector<Client*> dead_clients;  // dropped after the turn: events may still name them
    std::vector<Upstream*> dead_upstreams;
    Streams streams;
    Datagrams datagrams{fresh_sip_key()};
    std::int64_t accept_paused_until_ms = 0;
    std::int64_t listen_retry_ms = 0;  // 0: all that is to be listened on is
    std::int64_t trim_at_ms = 0;
    bool stopping = false;
    bool leaving = false;  // as well, by StopWish::leave

    void update_clock();
    // Room for a line of the access log, k_log_line_max of it; empty: none is written, or there is
    // no room. commit_log() says how much of it was used.
    std::span<char> log_room();
    void commit_log(std::size_t bytes);
    std::string_view date_text() const { return {date.data(), date.size()}; }
    void on_idle_endpoint() override;
    void on_place_free() override;
};

}  // namespace moln::edge_loop
