#include "runtime/edge/worker.h"

#include <algorithm>
#include <iterator>
#include <span>
#include <utility>

#include "runtime/edge/admission_flow.h"
#include "runtime/edge/cache_flow.h"
#include "runtime/edge/datagram_flow.h"
#include "runtime/edge/datagram_move.h"
#include "runtime/edge/file_flow.h"
#include "runtime/edge/flow.h"
#include "runtime/edge/mirror_flow.h"
#include "runtime/edge/stream_flow.h"

namespace moln::edge_loop {
namespace {

constexpr std::int64_t k_never_ms = -1;

// Of a change that is swapped in: places between two looks at the clock, some 5 us of them; what a
// turn does at least; how many times longer what a turn did for requests is than what it adds.
constexpr std::size_t k_swap_places = 4;
constexpr std::int64_t k_swap_piece_us = 30;
constexpr std::int64_t k_swap_rest = 4;

void drop_dead(Core& core) {
    for (Client* client : core.dead_clients) core.clients.drop(client);
    core.dead_clients.clear();
    for (Upstream* upstream : core.dead_upstreams) core.upstreams.drop(upstream);
    core.dead_upstreams.clear();
    drop_dead_streams(core);
    drop_dead_flows(core);
}

void serve_all_held(Core& core) {
    auto& holding = core.views.holding();
    for (AppView* app = holding.front(); app != nullptr;) {
        AppView* next = holding.after(app);
        serve_held(core, *app);
        app = next;
    }
}

// Once the tables that came with the sockets are in use.
void listen_on_streams(Core& core) {
    if (!core.next_sockets || core.views.is_swapping()) return;
    const auto sockets = std::exchange(core.next_sockets, nullptr);
    set_stream_sockets(core, *sockets);
    set_datagram_sockets(core, *sockets);
    take_flows(core, std::exchange(core.next_flows, {}));
}

// What is swapped in is swapped in to its end before the next begins: what was said meanwhile is
// one change then.
void take_news(Core& core) {
    listen_on_streams(core);
    std::vector<const EndpointCell*> health;
    {
        const std::lock_guard lock(core.port.mutex);
        if (!core.views.is_swapping()) {
            if (auto tables = std::exchange(core.port.next, nullptr)) {
                core.views.begin_swap(std::move(tables), std::exchange(core.port.next_touched, {}));
            }
            if (core.port.next_sockets) {
                core.next_sockets = std::exchange(core.port.next_sockets, nullptr);
                std::ranges::move(std::exchange(core.port.next_flows, {}),
                                  std::back_inserter(core.next_flows));
            }
        }
        health = std::exchange(core.port.next_health, {});
    }
    listen_on_streams(core);
    if (!health.empty()) {
        core.views.refresh_health(health);
        serve_all_held(core);
    }
}

void end_swap(Core& core) {
    core.port.acked.store(core.views.tables()->generation, std::memory_order_release);
    core.port.control.wake.ring();
    hurry_flows(core);
    serve_all_held(core);
    take_news(core);
}

// In pieces, so that no request waits for all of a change of many apps; of a worker that is never
// idle it has a fifth.
void go_on_with_swap(Core& core) {
    if (!core.views.is_swapping()) return;
    const std::int64_t begun_us = clock_now(Clock::mono_us);
    const std::int64_t until_us =
        begun_us + std::max(k_swap_piece_us, (begun_us - core.now_us) / k_swap_rest);
    edge::List<Upstream, ByPool> orphans;
    do {
        core.views.swap_some(k_swap_places, orphans, core.now_ms);
    } while (core.views.is_swapping() &&
             (core.views.must_go_on() || clock_now(Clock::mono_us) < until_us));
    while (Upstream* upstream = orphans.pop_front()) close_upstream(core, *upstream);
    if (!core.views.is_swapping()) end_swap(core);
}

void stop_listening(Core& core) {
    // What the kernel has accepted for us would be reset by closing the listener, unless another
    // edge has it too.
    for (Listener& listener : core.listeners) {
        for (int i = 0; !core.leaving && i < k_last_batches_max; ++i) {
            if (!accept_clients(core, listener)) break;
        }
        (void)core.epoll.remove(listener.fd.get());
        listener.fd.reset();
    }
    if (core.leaving) {
        leave_stream_sockets(core);
        leave_datagram_sockets(core);
        leave_flows(core);
    } else {
        stop_accepting_streams(core);
    }
}

void begin_stop(Core& core, StopWish wish) {
    const bool is_first = !core.stopping;
    core.stopping = true;
    core.leaving = wish == StopWish::leave;
    if (is_first) stop_listening(core);
    hurry_flows(core);
    if (is_first) hurry_mirrors(core);
    // What is done for one may close others; they are dropped at the end of the turn.
    std::vector<Client*> all;
    for (Client* client = core.all_clients.front(); client != nullptr;
         client = core.all_clients.after(client)) {
        all.push_back(client);
    }
    for (Client* client : all) {
        if (client->state == ClientState::closed) continue;
        // A request that has come is answered, even if its event is still to come.
        if (client->state == ClientState::idle) client->note(EPOLLIN);
        drive(core, *client);
        if (is_first || client->state == ClientState::idle) stop_client(core, *client);
    }
}

void on_wake(Core& core) {
    core.port.wake.clear();
    if (core.port.cache_news.exchange(false)) core.cache_news = true;
    if (core.port.password_news.exchange(false)) core.password_news = true;
    if (core.port.file_news.exchange(false)) core.file_news = true;
    take_news(core);
    if (core.views.tables() == nullptr) go_on_with_swap(core);
    const StopWish wish = core.port.stop.load();
    const bool is_new = !core.stopping || (core.leaving && wish == StopWish::end);
    if (wish != StopWish::none && is_new) begin_stop(core, wish);
}

template <typename T, typename OnTimer>
void fire(Core& core, edge::List<T, ByTimer>& list, OnTimer on_timer) {
    while (T* part = list.front()) {
        if (part->deadline_ms > core.now_ms) return;
        clear_timer(*part);
        on_timer(core, *part);
    }
}

// A duration that no app has any more leaves its place once there are many.
void fire_answer_timers(Core& core) {
    auto& timers = core.answer_timers;
    for (auto it = timers.begin(); it != timers.end();) {
        fire(core, it->second, on_upstream_timer);
        const bool goes = it->second.empty() && timers.size() > edge::k_answer_timers_kept;
        it = goes ? timers.erase(it) : std::next(it);
    }
}

void resume_accepting(Core& core) {
    if (core.accept_paused_until_ms == 0 || core.now_ms < core.accept_paused_until_ms) return;
    core.accept_paused_until_ms = 0;
    resume_accepting_streams(core);
    for (Listener& listener : core.listeners) {
        if (listener.fd.valid()) {
            (void)core.epoll.modify(listener.fd.get(), EPOLLIN, static_cast<Part*>(&listener));
        }
    }
}

// A burst's memory is given back over the seconds after it.
void trim_buffers(Core& core) {
    if (core.now_ms < core.trim_at_ms) return;
    core.trim_at_ms = core.now_ms + edge::k_buffers_trim_pause.count;
    core.buffers.trim();
}

void fire_timers(Core& core) {
    fire(core, core.head_timers, on_client_timer);
    fire(core, core.idle_timers, on_client_timer);
    fire(core, core.stall_timers, on_client_timer);
    fire(core, core.discard_timers, on_client_timer);
    fire(core, core.look_timers, on_client_timer);
    fire(core, core.half_closed_timers, on_client_timer);
    fire(core, core.shutdown_timers, on_client_timer);
    fire(core, core.connect_timers, on_upstream_timer);
    fire(core, core.upstream_idle_timers, on_upstream_timer);
    fire(core, core.peer_timers, on_upstream_timer);
    fire(core, core.peer_stall_timers, on_upstream_timer);
    fire(core, core.cache_wait_timers, on_cache_timer);
    fire(core, core.cache_load_timers, on_cache_timer);
    fire(core, core.file_load_timers, on_file_timer);
    fire(core, core.file_read_timers, on_file_timer);
    fire_answer_timers(core);
    fire_stream_timers(core);
    fire_flow_timers(core);
    fire_mirror_timers(core);
    resume_accepting(core);
    retry_listening(core);
    trim_buffers(core);
    core.views.readmit(core.now_ms);
    if (!core.views.holding().empty()) serve_all_held(core);
}

// Until the first deadline; -1: nothing to wait for but events.
int wait_ms(Core& core) {
    if (core.cache_news || !core.again.empty() || !core.flushes.empty() ||
        !core.streams.again.empty() || core.views.is_swapping())
        return 0;
    std::int64_t first = k_never_ms;
    const auto consider = [&](std::int64_t deadline) {
        if (first == k_never_ms || deadline < first) first = deadline;
    };
    for (auto* list :
         {&core.head_timers, &core.idle_timers, &core.stall_timers, &core.discard_timers,
          &core.look_timers, &core.half_closed_timers, &core.shutdown_timers}) {
        if (const Client* client = list->front()) consider(client->deadline_ms);
    }
    for (auto* list : {&core.connect_timers, &core.upstream_idle_timers, &core.peer_timers,
                       &core.peer_stall_timers}) {
        if (const Upstream* upstream = list->front()) consider(upstream->deadline_ms);
    }
    each_cache_deadline(core, consider);
    each_file_deadline(core, consider);
    for (auto& [duration, list] : core.answer_timers) {
        if (const Upstream* upstream = list.front()) consider(upstream->deadline_ms);
    }
    each_stream_deadline(core, consider);
    each_flow_deadline(core, consider);
    if (!core.mirrors.empty()) consider(next_mirror_deadline_ms(core));
    if (core.accept_paused_until_ms != 0) consider(core.accept_paused_until_ms);
    if (core.listen_retry_ms != 0) consider(core.listen_retry_ms);
    if (!core.views.holding().empty() || core.views.any_ejected()) {
        consider(core.now_ms + edge::k_tick.count);
    }
    if (core.buffers.has_surplus()) consider(core.trim_at_ms);
    if (first == k_never_ms) return -1;
    return static_cast<int>(std::clamp<std::int64_t>(first - core.now_ms, 0, 60'000));
}

void on_event(Core& core, const epoll_event& event) {
    auto* part = static_cast<Part*>(event.data.ptr);
    switch (part->kind) {
        case PartKind::wake: on_wake(core); return;
        case PartKind::listener: accept_clients(core, *static_cast<Listener*>(part)); return;
        case PartKind::client: {
            auto& client = *static_cast<Client*>(part);
            client.note(event.events);
            drive(core, client);
            return;
        }
        case PartKind::upstream:
            on_upstream_event(core, *static_cast<Upstream*>(part), event.events);
            return;
        case PartKind::stream_listener:
            accept_streams(core, *static_cast<StreamListener*>(part));
            return;
        case PartKind::stream_end:
            on_stream_event(core, *static_cast<StreamEnd*>(part), event.events);
            return;
        case PartKind::datagram_listener:
            receive_datagrams(core, *static_cast<DatagramListener*>(part));
            return;
        case PartKind::datagram_flow:
            on_flow_event(core, *static_cast<DatagramFlow*>(part));
            return;
    }
}

void run_again(Core& core) {
    edge::List<Client, ByAgain> batch;
    while (Client* client = core.again.pop_front()) batch.push_back(client);
    while (Client* client = batch.pop_front()) drive(core, *client);
}

bool anything_open(const Core& core) {
    return !core.all_clients.empty() || !core.streams.all.empty() || !core.datagrams.flows.empty();
}

void close_pools(Core& core) {
    while (Upstream* upstream = core.upstream_idle_timers.front()) close_upstream(core, *upstream);
    drop_dead(core);
}

}  // namespace

Result<std::unique_ptr<Core>> prepare_worker(WorkerPort& port, WorkerSetup setup) {
    MOLN_ASSIGN(auto epoll, net::Epoll::create());
    auto core = std::make_unique<Core>(setup.index, port, std::move(epoll), setup.limits);
    MOLN_TRY(core->epoll.add(port.wake.fd(), EPOLLIN, &core->wake_part));
    core->tls = setup.tls;
    core->cache = setup.cache;
    core->coder = setup.coder;
    core->replays = setup.replays;
    core->rates = setup.rates;
    core->passwords = setup.passwords;
    core->site_reader = setup.site_reader;
    core->cache_reader = setup.cache_reader;
    core->workers = setup.workers;
    core->listeners.resize(setup.listeners.size());
    std::uint16_t plain_port = 0;  // the first
    for (std::size_t i = 0; i < setup.listeners.size(); ++i) {
        Listener& listener = core->listeners[i];
        listener.fd = std::move(setup.listeners[i].fd);
        listener.tls = setup.listeners[i].tls;
        MOLN_ASSIGN(const auto bound, net::SocketAddress::local_of(listener.fd.get()));
        listener.port = bound.port();
        std::uint16_t& first = listener.tls ? core->tls_port : plain_port;
        if (first == 0) first = listener.port;
        core->several_ports = core->several_ports || listener.port != first;
        MOLN_TRY(core->epoll.add(listener.fd.get(), EPOLLIN, static_cast<Part*>(&listener)));
    }
    return core;
}

void run_worker(Core& core) {
    // Before anybody is accepted: a handshake goes by the certificates of when it began, and in the
    // first turn those who wait in a backlog would come before the wake.
    core.update_clock();
    on_wake(core);
    while (!core.stopping || anything_open(core)) {
        const auto events = core.epoll.wait(wait_ms(core));
        core.update_clock();
        for (const epoll_event& event : events) on_event(core, event);
        run_again(core);
        run_streams_again(core);
        serve_cache_news(core);
        serve_password_news(core);
        serve_file_news(core);
        go_on_with_swap(core);
        fire_timers(core);
        end_turn(core);
        drop_dead(core);
    }
    close_pools(core);
    core.port.finished.store(true, std::memory_order_release);
    core.port.control.wake.ring();
}

}  // namespace moln::edge_loop
