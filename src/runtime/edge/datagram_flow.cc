// Datagrams by flow: the first of a client chooses an instance, the others follow it there, answers
// come back from the address that the client sent to. A flow ends when it is quiet.
#include "runtime/edge/datagram_flow.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <arpa/inet.h>
#include <sys/random.h>

#include "io/net/socket.h"
#include "model/limits.h"

namespace moln::edge_loop {
namespace {

// Whoever handed a socket over may have left it blocking.
constexpr int k_send_flags = MSG_NOSIGNAL | MSG_DONTWAIT;
constexpr int k_batch = 64;  // datagrams of one descriptor before others have their turn
// Flows with a short limit of their own stand among those that are not answered.
constexpr int k_looks_max = 16;

// The address that a datagram was sent to, and that its answers are to come from.
union LocalControl {
    char bytes[CMSG_SPACE(sizeof(in6_pktinfo))];
    cmsghdr align;
};

void want_local_address(int fd) {
    const int on = 1;
    // Refused options only cost answers from another address of a machine with several.
    (void)setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
    (void)setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on);
}

void read_local(msghdr& message, FlowKey& key) {
    for (cmsghdr* one = CMSG_FIRSTHDR(&message); one != nullptr; one = CMSG_NXTHDR(&message, one)) {
        if (one->cmsg_level == IPPROTO_IP && one->cmsg_type == IP_PKTINFO) {
            in_pktinfo info{};
            std::memcpy(&info, CMSG_DATA(one), sizeof info);
            std::memcpy(key.local.data(), &info.ipi_addr, sizeof info.ipi_addr);
        } else if (one->cmsg_level == IPPROTO_IPV6 && one->cmsg_type == IPV6_PKTINFO) {
            in6_pktinfo info{};
            std::memcpy(&info, CMSG_DATA(one), sizeof info);
            std::memcpy(key.local.data(), &info.ipi6_addr, sizeof info.ipi6_addr);
        }
    }
}

template <typename Info>
void attach(msghdr& message, LocalControl& control, int level, int type, const Info& info) {
    message.msg_control = control.bytes;
    message.msg_controllen = CMSG_SPACE(sizeof info);
    cmsghdr* one = CMSG_FIRSTHDR(&message);
    one->cmsg_level = level;
    one->cmsg_type = type;
    one->cmsg_len = CMSG_LEN(sizeof info);
    std::memcpy(CMSG_DATA(one), &info, sizeof info);
}

void say_local(msghdr& message, LocalControl& control, const FlowKey& key) {
    if (key.family == AF_INET) {
        in_pktinfo info{};
        std::memcpy(&info.ipi_spec_dst, key.local.data(), sizeof info.ipi_spec_dst);
        attach(message, control, IPPROTO_IP, IP_PKTINFO, info);
    } else {
        in6_pktinfo info{};
        std::memcpy(&info.ipi6_addr, key.local.data(), sizeof info.ipi6_addr);
        attach(message, control, IPPROTO_IPV6, IPV6_PKTINFO, info);
    }
}

FlowKey key_of(const sockaddr_storage& client, const DatagramListener& listener) {
    FlowKey key;
    key.listener = listener.fd;
    key.family = client.ss_family;
    if (client.ss_family == AF_INET) {
        const auto* v4 = reinterpret_cast<const sockaddr_in*>(&client);
        std::memcpy(key.client.data(), &v4->sin_addr, sizeof v4->sin_addr);
        key.port = v4->sin_port;
    } else {
        const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&client);
        std::memcpy(key.client.data(), &v6->sin6_addr, sizeof v6->sin6_addr);
        key.port = v6->sin6_port;
    }
    return key;
}

// A drain or a stop waits for it.
bool is_awaited(const Core& core, const DatagramFlow& flow) {
    if (core.stopping) return true;
    const EndpointView* endpoint = flow.endpoint;
    return endpoint != nullptr &&
           (!endpoint->current || endpoint->state == EndpointState::draining);
}

// Until an instance has answered, a flow may be of a forged address: it keeps its place for less.
Milliseconds limit_of(const Core& core, const DatagramFlow& flow) {
    auto limit = flow.idle;
    if (!flow.answered) limit = std::min(limit, edge::k_udp_unanswered_idle);
    if (is_awaited(core, flow)) limit = std::min(limit, edge::k_udp_draining_idle);
    return limit;
}

void log_flow(Core& core, const DatagramFlow& flow, edge::StreamOutcome outcome) {
    std::array<char, INET6_ADDRSTRLEN> address;
    const auto client = net::SocketAddress::from_sockaddr(flow.client, flow.client_length);
    const auto size = client.write_ip(address.data(), address.size());
    const auto listen = flow.listen.text();
    edge::StreamRecord record{.time = WallTime{flow.begun_wall_ms},
                              .client = {address.data(), size},
                              .listen = listen,
                              .outcome = outcome,
                              .bytes_in = flow.bytes_in,
                              .bytes_out = flow.bytes_out,
                              .duration_us = core.now_us - flow.begun_us,
                              .app = flow.app->cell->app.text,
                              .process = flow.app->cell->process,
                              .retries = flow.retries};
    if (flow.endpoint != nullptr) record.instance = flow.endpoint->cell->instance.text;
    log_stream_record(core, record);
}

// Away from its instance, which it may go back to.
void leave_endpoint(Core& core, DatagramFlow& flow) {
    flow.fd.reset();
    if (flow.endpoint == nullptr) return;
    if (!flow.moved) flow.endpoint->slot->requests_total.add(1);
    core.views.close(flow);
    flow.tunnel = false;
}

void count_end(Core& core, const DatagramFlow& flow, edge::StreamOutcome outcome) {
    log_flow(core, flow, outcome);
    flow.app->slot->requests_total.add(1);
    if (!edge::is_error(outcome)) return;
    flow.app->slot->errors_total.add(1);
    core.counts.streams_failed.add(1);
}

void end_flow(Core& core, DatagramFlow& flow, edge::StreamOutcome outcome) {
    if (flow.dead) return;
    flow.dead = true;
    if (!flow.moved) count_end(core, flow, outcome);
    leave_endpoint(core, flow);
    core.views.release(*flow.app);
    clear_timer(flow);
    core.datagrams.flows.erase(flow.key);
    core.counts.clients_open.add(-1);
    core.counts.streams_open.add(-1);
    core.datagrams.dead.push_back(&flow);
}

bool connect_flow(Core& core, DatagramFlow& flow, std::span<const EndpointCell* const> tried) {
    const AppView& app = *flow.app;
    Pick how{.by = PickBy::edge, .now_ms = core.now_ms};
    if (app.spec != nullptr) how.wish = edge::stream_preference(*app.spec, flow.key.client);
    if (app.slow_until_ms > core.now_ms) how.dice = core.random.next();
    EndpointView* endpoint = core.views.pick(*flow.app, tried, how);
    if (endpoint == nullptr) return false;
    core.views.open(flow, *endpoint, core.now_ms);
    core.views.to_tunnel(flow);
    auto address = endpoint->cell->address;
    if (flow.port != 0) address.set_port(flow.port);
    auto fd = net::connect_udp(address);
    if (fd && core.epoll.add(fd->get(), EPOLLIN, static_cast<Part*>(&flow))) {
        flow.fd = std::move(*fd);
        return true;
    }
    leave_endpoint(core, flow);
    return false;
}

// Nobody listens there any more, or never did: what comes next goes to another one.
void on_refused(Core& core, DatagramFlow& flow) {
    if (core.views.note_failure(*flow.endpoint, core.now_ms)) core.counts.ejections.add(1);
    const EndpointCell* const tried[] = {flow.endpoint->cell.get()};
    leave_endpoint(core, flow);
    ++flow.retries;
    core.counts.retries.add(1);
    if (!connect_flow(core, flow, tried)) end_flow(core, flow, edge::StreamOutcome::no_instance);
}

// Of the flows that nobody has answered, which may be of forged addresses, the one that has been
// quiet for longest gives up its place.
bool end_unanswered(Core& core) {
    for (auto& [limit_ms, flows] : core.datagrams.idle_timers) {
        if (limit_ms > edge::k_udp_unanswered_idle.count) return false;
        DatagramFlow* flow = flows.front();
        for (int i = 0; flow != nullptr && i < k_looks_max; ++i, flow = flows.after(flow)) {
            if (flow->answered) continue;
            end_flow(core, *flow, edge::StreamOutcome::out_of_capacity);
            return true;
        }
    }
    return false;
}

DatagramFlow* begin_flow(Core& core, const DatagramListener& listener, const FlowKey& key,
                         const sockaddr_storage& client, socklen_t length) {
    DatagramFlow* flow = make_flow(core, listener, key, client, length);
    if (flow == nullptr) return nullptr;
    keep_flow(core, *flow);
    if (!connect_flow(core, *flow, {})) end_flow(core, *flow, edge::StreamOutcome::no_instance);
    return flow->dead ? nullptr : flow;
}

void send_to_instance(Core& core, DatagramFlow& flow, std::string_view datagram) {
    flow.bytes_in += datagram.size();
    core.counts.stream_bytes_in.add(static_cast<std::int64_t>(datagram.size()));
    keep_flow(core, flow);
    // The error of an earlier datagram comes with a later one: the second try tells them apart.
    for (int attempt = 0; attempt < 2 && !flow.dead; ++attempt) {
        if (::send(flow.fd.get(), datagram.data(), datagram.size(), k_send_flags) >= 0) return;
        if (errno != ECONNREFUSED && errno != EHOSTUNREACH && errno != ENETUNREACH) return;
        on_refused(core, flow);
    }
}

void send_to_client(Core& core, DatagramFlow& flow, std::string_view datagram) {
    iovec part{.iov_base = const_cast<char*>(datagram.data()), .iov_len = datagram.size()};
    msghdr message{};
    message.msg_name = &flow.client;
    message.msg_namelen = flow.client_length;
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    LocalControl control{};
    say_local(message, control, flow.key);
    flow.answered = true;
    core.views.note_success(*flow.endpoint);
    if (::sendmsg(flow.key.listener, &message, MSG_NOSIGNAL) >= 0) {
        flow.bytes_out += datagram.size();
        core.counts.stream_bytes_out.add(static_cast<std::int64_t>(datagram.size()));
    }
    keep_flow(core, flow);
}

char* room_of(Datagrams& datagrams) {
    if (!datagrams.room) datagrams.room = std::make_unique<std::array<char, 65'536>>();
    return datagrams.room->data();
}

void end_flows_of(Core& core, const DatagramListener& listener) {
    std::vector<DatagramFlow*> gone;
    for (const auto& [key, flow] : core.datagrams.flows) {
        if (key.listener == listener.fd) gone.push_back(flow);
    }
    for (DatagramFlow* flow : gone) end_flow(core, *flow, edge::StreamOutcome::done);
}

}  // namespace

edge::SipKey fresh_sip_key() {
    edge::SipKey key;
    // Without it flows could be made to collide: slower, nothing else.
    (void)!getrandom(&key, sizeof key, 0);
    return key;
}

std::size_t FlowHash::operator()(const FlowKey& flow) const {
    static_assert(std::has_unique_object_representations_v<FlowKey>);
    return edge::sip_hash(key, std::as_bytes(std::span(&flow, 1)));
}

DatagramFlow* make_flow(Core& core, const DatagramListener& listener, const FlowKey& key,
                        const sockaddr_storage& client, socklen_t length) {
    const auto* tables = core.views.tables();
    const auto* spec = tables == nullptr ? nullptr : tables->compiled.find(listener.socket->listen);
    const auto* target = spec == nullptr ? nullptr : spec->find("");
    if (target == nullptr || target->keep_source || core.stopping) return nullptr;
    const bool full = core.datagrams.flows.size() >= core.limits.flows_max ||
                      core.counts.clients_open.get() >= core.limits.clients_max;
    if (full && !end_unanswered(core)) {
        core.counts.clients_refused.add(1);
        return nullptr;
    }
    DatagramFlow* flow = core.datagrams.slab.make();
    flow->key = key;
    flow->listen = listener.socket->listen;
    flow->client = client;
    flow->client_length = length;
    flow->app = &core.views.app(target->app);
    flow->port = target->port;
    flow->idle = target->idle.count > 0 ? target->idle : k_udp_idle_default;
    flow->begun_us = core.now_us;
    flow->begun_wall_ms = core.wall_ms;
    ++flow->app->exchanges;
    core.datagrams.flows.emplace(key, flow);
    core.counts.clients_total.add(1);
    core.counts.clients_open.add(1);
    core.counts.streams_open.add(1);
    core.counts.streams_total.add(1);
    return flow;
}

void keep_flow(Core& core, DatagramFlow& flow) {
    const auto limit = limit_of(core, flow);
    set_timer(core, flow, core.datagrams.idle_timers[limit.count], limit);
}

void set_datagram_sockets(Core& core, const ListenSockets& sockets) {
    auto& listeners = core.datagrams.listeners;
    const auto is_wanted = [&](const auto& listener) {
        return std::ranges::find(sockets, listener->socket) != sockets.end();
    };
    const auto unwanted = std::ranges::partition(listeners, is_wanted);
    for (auto& listener : unwanted) {
        unwatch(core, *listener);
        end_flows_of(core, *listener);
        core.datagrams.dead_listeners.push_back(std::move(listener));
    }
    listeners.erase(unwanted.begin(), unwanted.end());
    if (core.stopping) return;
    for (const auto& socket : sockets) {
        const bool mine = worker_of(socket->listen, core.workers->size()) == core.index;
        if (socket->listen.protocol != Protocol::udp || !mine) continue;
        const bool known = std::ranges::any_of(
            listeners, [&](const auto& listener) { return listener->socket == socket; });
        if (known) continue;
        for (const Fd& fd : socket->fds) {
            auto listener = std::make_unique<DatagramListener>(socket, fd.get());
            want_local_address(listener->fd);
            watch(core, *listener, EPOLLIN);
            listeners.push_back(std::move(listener));
        }
    }
}

void leave_datagram_sockets(Core& core) {
    for (const auto& listener : core.datagrams.listeners) unwatch(core, *listener);
}

void receive_datagrams(Core& core, DatagramListener& listener) {
    if (!listener.watched) return;  // left in this turn: what waits there is for who has it next
    char* room = room_of(core.datagrams);
    for (int i = 0; i < k_batch; ++i) {
        sockaddr_storage client{};
        LocalControl control{};
        iovec part{.iov_base = room, .iov_len = 65'536};
        msghdr message{};
        message.msg_name = &client;
        message.msg_namelen = sizeof client;
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof control.bytes;
        const auto got = ::recvmsg(listener.fd, &message, 0);
        if (got < 0 && errno == EINTR) continue;
        // An error here is of an answer to some client that has gone.
        if (got < 0 && errno == ECONNREFUSED) continue;
        if (got < 0) return;
        FlowKey key = key_of(client, listener);
        read_local(message, key);
        const auto known = core.datagrams.flows.find(key);
        DatagramFlow* flow = known != core.datagrams.flows.end()
                                 ? known->second
                                 : begin_flow(core, listener, key, client, message.msg_namelen);
        if (flow != nullptr) {
            send_to_instance(core, *flow, {room, static_cast<std::size_t>(got)});
        }
    }
}

void on_flow_event(Core& core, DatagramFlow& flow) {
    char* room = room_of(core.datagrams);
    for (int i = 0; i < k_batch && !flow.dead && !flow.moved; ++i) {
        const auto got = ::recv(flow.fd.get(), room, 65'536, MSG_DONTWAIT);
        if (got >= 0) {
            send_to_client(core, flow, {room, static_cast<std::size_t>(got)});
            continue;
        }
        if (errno == EINTR) continue;
        if (errno == EAGAIN || errno == EWOULDBLOCK) return;
        on_refused(core, flow);
        return;
    }
}

void fire_flow_timers(Core& core) {
    for (auto& [duration, list] : core.datagrams.idle_timers) {
        while (DatagramFlow* flow = list.front()) {
            if (flow->deadline_ms > core.now_ms) break;
            end_flow(core, *flow, edge::StreamOutcome::idle);
        }
    }
}

void hurry_flows(Core& core) {
    for (const auto& [key, flow] : core.datagrams.flows) {
        if (!is_awaited(core, *flow)) continue;
        if (flow->deadline_ms > core.now_ms + limit_of(core, *flow).count) keep_flow(core, *flow);
    }
}

void drop_dead_flows(Core& core) {
    for (DatagramFlow* flow : core.datagrams.dead) core.datagrams.slab.drop(flow);
    core.datagrams.dead.clear();
    core.datagrams.dead_listeners.clear();
}

}  // namespace moln::edge_loop
