// Flows: the datagrams that one client address and port sends to a UDP route, and the answers. What
// a worker holds of them; datagram_flow.cc changes it. Plain state, one thread.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <unordered_map>
#include <vector>

#include <netinet/in.h>
#include <sys/socket.h>

#include "edge/hand_over.h"
#include "edge/sip_hash.h"
#include "runtime/edge/stream_parts.h"

namespace moln::edge_loop {

struct DatagramListener : SocketListener {
    DatagramListener(std::shared_ptr<const ListenSocket> its_socket, int its_fd)
        : SocketListener(PartKind::datagram_listener, std::move(its_socket), its_fd) {}
};

// Who sends to where. Plain bytes without padding: it is hashed and compared as such.
struct FlowKey {
    std::array<std::uint8_t, 16> client{};  // address; of IPv4 the first four
    std::array<std::uint8_t, 16> local{};   // that it was sent to: answers come from there
    std::uint16_t port = 0;
    std::uint16_t family = 0;
    std::int32_t listener = -1;  // its descriptor
    friend bool operator==(const FlowKey&, const FlowKey&) = default;
};

edge::SipKey fresh_sip_key();

struct FlowHash {
    edge::SipKey key;  // secret: senders choose their addresses
    std::size_t operator()(const FlowKey& flow) const;
};

// One that goes on in another process.
struct MovedFlow {
    edge::HandedFlow what;
    Fd fd;  // connected to the instance
};

struct DatagramFlow : Part, Opening, Timed {
    DatagramFlow() : Part{PartKind::datagram_flow} {}

    FlowKey key;
    Listen listen;
    sockaddr_storage client{};
    socklen_t client_length = 0;
    Fd fd;  // connected to the instance
    AppView* app = nullptr;
    std::uint16_t port = 0;
    Milliseconds idle{0};
    bool answered = false;
    // It goes on in another process. It is counted here until that has said so to the daemon.
    bool moved = false;
    bool dead = false;
    std::uint32_t retries = 0;
    std::uint64_t bytes_in = 0;
    std::uint64_t bytes_out = 0;
    std::int64_t begun_us = 0;
    std::int64_t begun_wall_ms = 0;
};

// All of one worker's.
struct Datagrams {
    explicit Datagrams(edge::SipKey key) : flows(0, FlowHash{key}) {}

    Slab<DatagramFlow> slab;
    std::unordered_map<FlowKey, DatagramFlow*, FlowHash> flows;
    std::map<std::int64_t, edge::List<DatagramFlow, ByTimer>>
        idle_timers;  // by their duration in ms
    std::vector<std::unique_ptr<DatagramListener>> listeners;
    std::vector<std::unique_ptr<DatagramListener>> dead_listeners;  // events may still name them
    std::vector<DatagramFlow*> dead;
    std::unique_ptr<std::array<char, 65'536>> room;  // of one datagram; made when first needed
};

}  // namespace moln::edge_loop
