#include "runtime/edge/daemon_peers.h"

#include <algorithm>
#include <utility>

#include <sys/socket.h>

#include "edge/daemon_line.h"
#include "edge/limits.h"
#include "runtime/edge/say.h"

namespace moln::edge_loop {
namespace {

constexpr net::LineLimits k_limits{.line_max = edge::k_snapshot_bytes_max,
                                   .unsent_max = 4 * edge::k_snapshot_bytes_max};

}  // namespace

DaemonPeers::Peer::Peer(DaemonPeers& peers, Fd fd)
    : owner(peers), channel(std::move(fd), k_limits) {}

void DaemonPeers::Peer::on_event(std::uint32_t events, std::int64_t /*now_ms*/) {
    owner.serve(*this, events);
}

Status DaemonPeers::listen(Fd listener) {
    return listener_.listen(std::move(listener));
}

void DaemonPeers::on_event(std::uint32_t /*events*/, std::int64_t now_ms) {
    Fd fd = listener_.accept(now_ms);
    if (!fd.valid()) return;
    if (peers_.size() >= edge::k_control_peers_max) {
        say("daemon_refused", "reason=more than {} connections", edge::k_control_peers_max);
        return;
    }
    auto peer = std::make_unique<Peer>(*this, std::move(fd));
    if (!epoll_.add(peer->channel.fd(), EPOLLIN | EPOLLRDHUP,
                    static_cast<ControlPart*>(peer.get()))) {
        return;
    }
    peers_.push_back(std::move(peer));
    send_all(*peers_.back(), messages_.on_get_report());
}

void DaemonPeers::end(Peer& peer, std::string_view reason) {
    if (peer.ended) return;
    peer.ended = true;
    (void)epoll_.modify(peer.channel.fd(), 0, static_cast<ControlPart*>(&peer));
    say("daemon_disconnected", "reason={}", reason);
}

void DaemonPeers::drop_ended(std::int64_t now_ms) {
    std::erase_if(peers_, [](const auto& peer) { return peer->ended; });
    listener_.resume(now_ms);
}

void DaemonPeers::serve(Peer& peer, std::uint32_t events) {
    if (peer.ended) return;
    if ((events & EPOLLOUT) != 0) flush(peer);
    if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) == 0) return;
    const auto state = peer.channel.read_some();
    if (!state) return end(peer, state.error().reason);
    std::string_view line;
    while (!peer.ended && peer.channel.next_line(&line)) {
        if (const auto obeyed = obey(peer, line); !obeyed) end(peer, obeyed.error().reason);
    }
    if (*state == net::LineChannel::ReadState::ended) end(peer, "closed by the daemon");
}

Status DaemonPeers::take_delta(Peer& peer, EdgeDelta delta) {
    if (peer.delta) {
        MOLN_TRY(join(*peer.delta, std::move(delta)));
    } else {
        peer.delta = std::move(delta);
    }
    if (!peer.delta->last) return {};
    auto whole = std::exchange(peer.delta, std::nullopt);
    MOLN_ASSIGN(const auto answer, messages_.on_delta(std::move(*whole)));
    if (answer == DeltaAnswer::whole_wanted) send(peer, edge::k_resync_line);
    return {};
}

Status DaemonPeers::obey(Peer& peer, std::string_view line) {
    MOLN_ASSIGN(auto said, edge::parse_daemon_line(line));
    if (auto* snapshot = std::get_if<EdgeSnapshot>(&said)) {
        return messages_.on_snapshot(std::move(*snapshot));
    }
    if (auto* delta = std::get_if<EdgeDelta>(&said)) return take_delta(peer, std::move(*delta));
    if (const auto* offer = std::get_if<EdgeListenOffer>(&said)) {
        std::vector<Fd> sockets;
        for (std::size_t i = 0; i < offer->addresses.size(); ++i) {
            sockets.push_back(peer.channel.take_descriptor());
        }
        return messages_.on_listener(*offer, std::move(sockets));
    }
    if (const auto* purge = std::get_if<CachePurge>(&said)) {
        send(peer, messages_.on_purge(*purge));
        return {};
    }
    if (const auto* peering = std::get_if<CachePeering>(&said)) {
        return messages_.on_cache_peers(*peering);
    }
    if (const auto* wish = std::get_if<edge::TakeOver>(&said)) {
        for (auto& answer : messages_.on_take_over(*wish)) {
            send(peer, answer.line, std::move(answer.sockets));
        }
        return {};
    }
    if (const auto* took_over = std::get_if<edge::TookOver>(&said)) {
        peer.successor = true;
        send_all(peer, messages_.on_took_over(*took_over));
        return {};
    }
    if (std::holds_alternative<edge::Release>(said)) {
        messages_.on_release();
        return {};
    }
    switch (std::get<edge::DaemonAsk>(said)) {
        case edge::DaemonAsk::report: send_all(peer, messages_.on_get_report()); break;
        case edge::DaemonAsk::changes:
            peer.form = ReportForm::changes;
            messages_.on_get_changes();
            break;
        case edge::DaemonAsk::metrics: send(peer, messages_.on_get_metrics()); break;
        case edge::DaemonAsk::routes: send(peer, messages_.on_get_routes()); break;
    }
    return {};
}

void DaemonPeers::flush(Peer& peer) {
    const auto all = peer.channel.write_some();
    if (!all) return end(peer, all.error().reason);
    const std::uint32_t write = *all ? 0U : static_cast<std::uint32_t>(EPOLLOUT);
    (void)epoll_.modify(peer.channel.fd(), EPOLLIN | EPOLLRDHUP | write,
                        static_cast<ControlPart*>(&peer));
}

void DaemonPeers::send(Peer& peer, std::string_view line, std::vector<Fd> descriptors) {
    if (peer.ended) return;
    if (const auto queued = peer.channel.send_line(line, std::move(descriptors)); !queued) {
        return end(peer, queued.error().reason);
    }
    flush(peer);
}

void DaemonPeers::send_all(Peer& peer, const std::vector<std::string>& lines) {
    for (const auto& line : lines) send(peer, line);
}

void DaemonPeers::broadcast(ReportForm form, const std::vector<std::string>& lines) {
    for (const auto& peer : peers_) {
        if (!peer->successor && peer->form == form) send_all(*peer, lines);
    }
}

void DaemonPeers::tell_successor(HandOverAnswer word) {
    const auto found = std::ranges::find_if(
        peers_, [](const auto& peer) { return peer->successor && !peer->ended; });
    if (found != peers_.end()) send(**found, word.line, std::move(word.sockets));
}

bool DaemonPeers::has(ReportForm form) const {
    return std::ranges::any_of(peers_, [form](const auto& peer) {
        return !peer->ended && !peer->successor && peer->form == form;
    });
}

}  // namespace moln::edge_loop
