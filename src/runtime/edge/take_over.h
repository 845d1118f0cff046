// How a new edge takes the place of one that serves, from the new one's side: it asks for the
// sockets, serves on them, says so. Blocks; at the start only. What is said: edge/hand_over.h.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "edge/compiled.h"
#include "edge/hand_over.h"
#include "io/file/fd.h"
#include "io/net/address.h"
#include "io/net/epoll.h"
#include "io/net/line_channel.h"
#include "io/tls/ticket_keys.h"
#include "runtime/edge/control_part.h"

namespace moln::edge_loop {

struct HeldSocket {
    edge::HandedSocket what;
    Fd fd;
};

// Both processes hold what is in it: who closes does not close for the other, and no connection in
// a backlog is lost.
struct Inheritance {
    std::vector<HeldSocket> sockets;
    edge::SnapshotStamp stamp;  // the snapshot on disk is this or a later one
    std::vector<tls::TicketKey> ticket_keys;
    bool shares_purges = false;  // what was taken of that kind is in use
    bool hands_flows = false;    // they come once this one has taken over
    net::LineChannel line;       // to the one before

    // The sockets of a kind, taken out, in their order. With port 0 any of that host's port is
    // meant: the first found decides which.
    std::vector<HeldSocket> take(edge::HandedKind kind, const net::SocketAddress& address);
    std::vector<HeldSocket> take_all(edge::HandedKind kind);
};

// Asks the edge that is controlled at `path`. It serves on as if nothing were: if this process dies
// now, nothing has happened. `refused` with its reason when it will not, `timeout` when it is
// silent, `unavailable` when there is none.
Result<Inheritance> take_over(const std::string& path, Milliseconds limit);

// This edge serves now; what it has left in `inheritance.sockets` nobody listens on any more.
// Returns when the one before accepts nothing and writes nothing any more, or is gone.
Status tell_took_over(Inheritance& inheritance, Milliseconds drain_limit, Milliseconds limit);

// Who goes on with the flows of the one before.
class FlowHeir {
public:
    // Each with its socket, which is not open if it did not come. `last`: no more will come.
    virtual void on_flows(edge::HandedFlows flows, std::vector<Fd> sockets) = 0;

protected:
    ~FlowHeir() = default;
};

// The line to the one before, for as long as it is there. But for its flows, what it says is of no
// concern.
class Predecessor : public ControlPart {
public:
    Predecessor(net::Epoll& epoll, net::LineChannel line, FlowHeir& heir)
        : epoll_(epoll), line_(std::move(line)), heir_(heir) {}

    // May call its heir at once.
    Status listen();
    void on_event(std::uint32_t events, std::int64_t now_ms) override;
    // It need not keep its sockets for us any more.
    void release();

private:
    void drop();
    void hear();

    net::Epoll& epoll_;
    net::LineChannel line_;
    FlowHeir& heir_;
    bool gone_ = false;
};

std::vector<edge::HandedTicketKey> to_handed(const std::vector<tls::TicketKey>& keys);

}  // namespace moln::edge_loop
