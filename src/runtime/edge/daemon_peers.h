// The connections of daemons, and of an edge that takes this one's place: lines in, lines out. What
// the lines mean is told to PeerMessages.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "edge/hand_over.h"
#include "io/net/epoll.h"
#include "io/net/line_channel.h"
#include "model/cache_peering.h"
#include "model/edge.h"
#include "model/edge_delta.h"
#include "runtime/edge/control_listener.h"
#include "runtime/edge/control_part.h"

namespace moln::edge_loop {

struct HandOverAnswer {
    std::string line;
    std::vector<Fd> sockets;
};

enum class DeltaAnswer : std::uint8_t {
    taken,         // or not newer than what is here
    whole_wanted,  // it is of another base
};

// How a daemon takes reports: whole each time, unless it has asked for changes.
enum class ReportForm : std::uint8_t { whole, changes };

class PeerMessages {
public:
    // An error ends the connection that sent it; the reason is logged.
    virtual Status on_snapshot(EdgeSnapshot snapshot) = 0;
    virtual Result<DeltaAnswer> on_delta(EdgeDelta delta) = 0;
    virtual Status on_listener(const EdgeListenOffer& offer, std::vector<Fd> sockets) = 0;
    virtual Status on_cache_peers(const CachePeering& peering) = 0;
    // The lines to send back.
    virtual std::vector<std::string> on_get_report() = 0;
    // Who asked has no report that a next one's changes could be of.
    virtual void on_get_changes() = 0;
    // The line to send back.
    virtual std::string on_get_metrics() = 0;
    virtual std::string on_get_routes() = 0;
    virtual std::string on_purge(const CachePurge& purge) = 0;
    // The lines to send back, each with its descriptors.
    virtual std::vector<HandOverAnswer> on_take_over(const edge::TakeOver& wish) = 0;
    virtual std::vector<std::string> on_took_over(const edge::TookOver& word) = 0;
    virtual void on_release() = 0;

protected:
    ~PeerMessages() = default;
};

class DaemonPeers : public ControlPart {
public:
    DaemonPeers(net::Epoll& epoll, PeerMessages& messages)
        : epoll_(epoll), messages_(messages), listener_(epoll, *this) {}

    Status listen(Fd listener);
    void on_event(std::uint32_t events, std::int64_t now_ms) override;
    // To all that take reports as this; one that does not read is dropped.
    void broadcast(ReportForm form, const std::vector<std::string>& lines);
    // To the edge that has taken this one's place, if it is still there.
    void tell_successor(HandOverAnswer word);
    bool has(ReportForm form) const;
    bool empty() const { return peers_.empty(); }
    // Frees connections that ended, and accepts again after a pause; between turns only.
    void drop_ended(std::int64_t now_ms);
    std::int64_t resume_due_ms() const { return listener_.resume_due_ms(); }

private:
    struct Peer : ControlPart {
        Peer(DaemonPeers& peers, Fd fd);
        void on_event(std::uint32_t events, std::int64_t now_ms) override;
        DaemonPeers& owner;
        net::LineChannel channel;
        bool ended = false;
        bool successor = false;  // no daemon: it hears no reports
        ReportForm form = ReportForm::whole;
        std::optional<EdgeDelta> delta;  // of which more lines are to come
    };

    void serve(Peer& peer, std::uint32_t events);
    Status obey(Peer& peer, std::string_view line);
    Status take_delta(Peer& peer, EdgeDelta delta);
    void send(Peer& peer, std::string_view line, std::vector<Fd> descriptors = {});
    void send_all(Peer& peer, const std::vector<std::string>& lines);
    void flush(Peer& peer);
    void end(Peer& peer, std::string_view reason);

    net::Epoll& epoll_;
    PeerMessages& messages_;
    ControlListener listener_;
    std::list<std::unique_ptr<Peer>> peers_;
};

}  // namespace moln::edge_loop
