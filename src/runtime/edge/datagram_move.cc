#include "runtime/edge/datagram_move.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <netinet/in.h>

#include "base/hex.h"
#include "runtime/edge/datagram_flow.h"

namespace moln::edge_loop {
namespace {

std::size_t address_bytes(int family) {
    return family == AF_INET ? sizeof(in_addr) : sizeof(in6_addr);
}

edge::HandedFlow to_handed(const DatagramFlow& flow, const DatagramListener& listener) {
    const std::size_t bytes = address_bytes(flow.key.family);
    edge::HandedFlow handed{.listen = flow.listen.text(),
                            .address = {},
                            .client = to_hex(std::span(flow.key.client).first(bytes)),
                            .client_port = ntohs(flow.key.port),
                            .local = to_hex(std::span(flow.key.local).first(bytes)),
                            .instance = flow.endpoint->cell->instance,
                            .answered = flow.answered,
                            .retries = flow.retries,
                            .bytes_in = static_cast<std::int64_t>(flow.bytes_in),
                            .bytes_out = static_cast<std::int64_t>(flow.bytes_out),
                            .begun = {flow.begun_us / 1000},
                            .begun_wall = {flow.begun_wall_ms}};
    const auto& fds = listener.socket->fds;
    const auto at = std::ranges::find(fds, listener.fd, &Fd::get) - fds.begin();
    handed.address = listener.socket->addresses[static_cast<std::size_t>(at)];
    if (flow.key.family == AF_INET6) {
        handed.scope = reinterpret_cast<const sockaddr_in6*>(&flow.client)->sin6_scope_id;
    }
    return handed;
}

struct Sender {
    FlowKey key;
    sockaddr_storage client{};
    socklen_t length = 0;
};

// False: it is no address.
bool read_sender(const edge::HandedFlow& what, Sender& sender) {
    const int family = what.client.size() == 2 * sizeof(in_addr) ? AF_INET : AF_INET6;
    const std::size_t bytes = address_bytes(family);
    if (!from_hex(what.client, std::span(sender.key.client).first(bytes)) ||
        !from_hex(what.local, std::span(sender.key.local).first(bytes))) {
        return false;
    }
    sender.key.family = static_cast<std::uint16_t>(family);
    sender.key.port = htons(static_cast<std::uint16_t>(what.client_port));
    sender.client.ss_family = static_cast<sa_family_t>(family);
    if (family == AF_INET) {
        auto* v4 = reinterpret_cast<sockaddr_in*>(&sender.client);
        std::memcpy(&v4->sin_addr, sender.key.client.data(), bytes);
        v4->sin_port = sender.key.port;
        sender.length = sizeof *v4;
    } else {
        auto* v6 = reinterpret_cast<sockaddr_in6*>(&sender.client);
        std::memcpy(&v6->sin6_addr, sender.key.client.data(), bytes);
        v6->sin6_port = sender.key.port;
        v6->sin6_scope_id = static_cast<std::uint32_t>(what.scope);
        sender.length = sizeof *v6;
    }
    return true;
}

const DatagramListener* find_listener(const Core& core, const edge::HandedFlow& what) {
    for (const auto& listener : core.datagrams.listeners) {
        const ListenSocket& socket = *listener->socket;
        if (socket.listen.text() != what.listen) continue;
        const auto at = std::ranges::find(socket.addresses, what.address);
        if (at == socket.addresses.end()) continue;
        const auto index = static_cast<std::size_t>(at - socket.addresses.begin());
        if (socket.fds[index].get() == listener->fd) return listener.get();
    }
    return nullptr;
}

EndpointView* find_endpoint(const AppView& app, const InstanceId& instance) {
    const auto found = std::ranges::find_if(app.endpoints, [&](const EndpointView* endpoint) {
        return endpoint->cell->instance == instance;
    });
    return found == app.endpoints.end() ? nullptr : *found;
}

// The app that its port leads to now; null: none.
AppView* app_of(Core& core, const Listen& listen) {
    const auto* spec = core.views.tables()->compiled.find(listen);
    const auto* target = spec == nullptr ? nullptr : spec->find("");
    return target == nullptr ? nullptr : &core.views.app(target->app);
}

void take_flow(Core& core, MovedFlow moved) {
    const DatagramListener* listener = find_listener(core, moved.what);
    if (listener == nullptr) return;
    AppView* app = app_of(core, listener->socket->listen);
    EndpointView* endpoint = app == nullptr ? nullptr : find_endpoint(*app, moved.what.instance);
    Sender sender;
    if (endpoint == nullptr || !read_sender(moved.what, sender)) return;
    sender.key.listener = listener->fd;
    if (core.datagrams.flows.contains(sender.key)) return;
    DatagramFlow* flow = make_flow(core, *listener, sender.key, sender.client, sender.length);
    if (flow == nullptr) return;
    flow->answered = moved.what.answered;
    flow->retries = static_cast<std::uint32_t>(moved.what.retries);
    flow->bytes_in = static_cast<std::uint64_t>(moved.what.bytes_in);
    flow->bytes_out = static_cast<std::uint64_t>(moved.what.bytes_out);
    flow->begun_us = moved.what.begun.ms * 1000;
    flow->begun_wall_ms = moved.what.begun_wall.ms;
    core.views.adopt(*flow, *endpoint, core.now_ms);
    core.views.to_tunnel(*flow);
    flow->fd = std::move(moved.fd);
    keep_flow(core, *flow);
    // What came there meanwhile is told of at once. Without its events it ends when it is quiet.
    (void)core.epoll.add(flow->fd.get(), EPOLLIN, static_cast<Part*>(flow));
}

}  // namespace

void leave_flows(Core& core) {
    if (!core.port.flows_wanted.load()) return;
    std::vector<MovedFlow> left;
    for (const auto& listener : core.datagrams.listeners) {
        for (auto& [key, flow] : core.datagrams.flows) {
            if (key.listener != listener->fd || flow->moved || !flow->fd.valid()) continue;
            left.push_back({.what = to_handed(*flow, *listener), .fd = std::move(flow->fd)});
            // The other process holds it too: closing ours would not take it out.
            (void)core.epoll.remove(left.back().fd.get());
            flow->moved = true;
        }
    }
    {
        const std::lock_guard lock(core.port.mutex);
        core.port.left_flows = std::move(left);
    }
    core.port.flows_left.store(true);
    core.port.control.wake.ring();
}

void take_flows(Core& core, std::vector<MovedFlow> flows) {
    for (MovedFlow& one : flows) take_flow(core, std::move(one));
}

}  // namespace moln::edge_loop
