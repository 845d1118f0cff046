// TCP and UDP that a node's kernel passes on by itself, past the edge: what is wanted of it and
// what is seen there, as values. Who decides is node/kernel_paths.h, who does it is behind
// ports/path_table.h; docs/TCP.md says what users get.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/id.h"
#include "base/units.h"
#include "model/codec.h"
#include "model/listen.h"

namespace moln {

// An instance that new connections go to.
struct PathEndpoint {
    InstanceId instance;
    std::string address;  // IPv4 literal
    std::uint16_t port = 0;
    friend bool operator==(const PathEndpoint&, const PathEndpoint&) = default;
};

struct KernelPath {
    Listen listen;
    std::vector<std::string> addresses;   // IPv4 literals, sorted; "0.0.0.0": all of this host's
    std::vector<PathEndpoint> endpoints;  // sorted by instance; none only if `wait`
    bool wait = false;     // without an endpoint: who begins is not answered and so tries again
    Milliseconds idle{0};  // udp: a flow that is quiet for so long is over
    friend bool operator==(const KernelPath&, const KernelPath&) = default;
};

// Everything that is wanted of a node's kernel.
struct PathTableSpec {
    std::vector<KernelPath> paths;  // sorted by listen
    std::vector<Listen> listens;    // ports of the edge that instances may reach, too; sorted
    friend bool operator==(const PathTableSpec&, const PathTableSpec&) = default;
};

// One connection or flow that came to a listen and was sent on to an instance.
struct KernelFlow {
    Protocol protocol = Protocol::tcp;
    std::string client;  // IPv4 literals and ports, as the client sees them
    std::uint16_t client_port = 0;
    std::string listen_address;
    std::uint16_t listen_port = 0;
    std::string address;  // of the instance
    std::uint16_t port = 0;
    bool gone = false;      // the instance is: nothing has its address any more
    bool over = false;      // tcp: both sides have ended, the kernel only remembers it
    bool answered = false;  // a packet came back
    Milliseconds age{0};    // 0: unknown
    Milliseconds left{0};   // until it is forgotten if it stays quiet
    friend bool operator==(const KernelFlow&, const KernelFlow&) = default;
};

// Connections to a listen, and flows of UDP, that were sent on to an instance: since the kernel
// passes them on, whoever asked it to.
struct PathCount {
    Listen listen;
    std::int64_t begun = 0;
    std::int64_t bytes_in = 0;  // of IP packets, with their headers: that clients sent
    std::int64_t bytes_out = 0;
    friend bool operator==(const PathCount&, const PathCount&) = default;
};

// Who passes on what comes to a route's listen.
enum class StreamVia { edge, kernel };
BOOST_DESCRIBE_ENUM(StreamVia, edge, kernel)

struct StreamPath {
    std::string listen;
    StreamVia via = StreamVia::edge;
    std::string why;      // it is the edge
    std::string problem;  // nobody can do as the route asks
    friend bool operator==(const StreamPath&, const StreamPath&) = default;
};

}  // namespace moln
