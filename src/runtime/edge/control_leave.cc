// Control where one edge takes the place of another: what it hands over when it is the old one, and
// what it adopts when it is the new one. What is said: edge/hand_over.h.
#include <algorithm>
#include <map>
#include <utility>

#include <unistd.h>

#include "edge/limits.h"
#include "runtime/edge/bind.h"
#include "runtime/edge/control.h"
#include "runtime/edge/datagram_flow.h"
#include "runtime/edge/say.h"

namespace moln::edge_loop {
namespace {

std::int64_t now() {
    return clock_now(Clock::mono_us) / 1000;
}

}  // namespace

Result<edge::Handed> Control::gather(const edge::TakeOver& wish, std::vector<Fd>& sockets) {
    if (stopping_) return fail(ErrorCode::refused, "it was told to stop");
    if (setup_.held.empty()) {
        return fail(ErrorCode::refused, "it has left its sockets to another edge");
    }
    // What was acknowledged is on disk, so that nobody begins behind it. The file is another edge's
    // once this one leaves.
    if (!leaving_) MOLN_TRY(file_.settle(compiler_.snapshot()));
    edge::Handed all;
    const auto hand = [&](edge::HandedSocket what, int fd) -> Status {
        MOLN_ASSIGN(auto copy, duplicate(fd));
        all.sockets.push_back(std::move(what));
        sockets.push_back(std::move(copy));
        return {};
    };
    for (const auto& one : setup_.held) MOLN_TRY(hand(one.what, one.fd.get()));
    const auto streams = listens_.open();
    for (const auto& one : streams) {
        for (std::size_t i = 0; i < one->fds.size(); ++i) {
            MOLN_TRY(hand({.kind = edge::HandedKind::stream,
                           .address = one->addresses[i],
                           .listen = one->listen.text()},
                          one->fds[i].get()));
        }
    }
    if (setup_.lock) {
        MOLN_TRY(
            hand({.kind = edge::HandedKind::lock, .address = "", .listen = ""}, setup_.lock->fd()));
    }
    if (wish.purges && setup_.purges.valid()) {
        MOLN_TRY(hand({.kind = edge::HandedKind::purges, .address = "", .listen = ""},
                      setup_.purges.get()));
    }
    // Once this edge has left, what it applies is no more what the disk has.
    if (tables_ && !leaving_) {
        all.epoch = compiler_.stamp().epoch;
        all.version = compiler_.stamp().version;
    }
    all.flows = !leaving_ && !stopping_;
    if (setup_.tls != nullptr) all.ticket_keys = to_handed(setup_.tls->tickets().all({now()}));
    return all;
}

std::vector<HandOverAnswer> Control::on_take_over(const edge::TakeOver& wish) {
    std::vector<Fd> sockets;
    auto all = gather(wish, sockets);
    std::vector<HandOverAnswer> answers;
    if (!all) {
        say("take_over_refused", "reason={}", all.error().reason);
        answers.push_back({edge::hand_over_line("refused", all.error().reason), {}});
        return answers;
    }
    auto next = sockets.begin();
    for (const auto& part : edge::in_parts(std::move(*all))) {
        HandOverAnswer& answer = answers.emplace_back();
        answer.line = edge::hand_over_line("handed", part);
        for (std::size_t i = 0; i < part.sockets.size(); ++i) {
            answer.sockets.push_back(std::move(*next++));
        }
    }
    return answers;
}

std::vector<std::string> Control::on_took_over(const edge::TookOver& word) {
    std::vector<std::string> lines = {edge::hand_over_line("left", edge::HandOverLeft{})};
    if (!leaving_ && !stopping_) {
        leaving_ = true;
        if (word.drain_limit.count > 0) leave_until_ms_ = now() + word.drain_limit.count;
        say("leaving", "pid={}", getpid());
        setup_.lock.reset();
        std::erase_if(setup_.held, [&](const HeldSocket& one) {
            return std::ranges::find(word.unwanted, one.what) != word.unwanted.end();
        });
        metrics_.leave();
        // What held these sockets for this edge holds them in vain.
        if (predecessor_) predecessor_->release();
        flows_wanted_ = word.flows;
        for (auto& worker : workers_) worker->flows_wanted.store(word.flows);
        stop_workers(StopWish::leave, word.purges ? Heir::knows_purges : Heir::any);
        report_now_ = true;
    } else if (word.flows) {
        // It was told to stop meanwhile, or another came first: nobody is to wait.
        lines.push_back(
            edge::hand_over_line("flows", edge::HandedFlows{.flows = {}, .last = true}));
    }
    return lines;
}

// Once all workers have left theirs: where one has the socket, another may have had its flows.
void Control::send_flows() {
    const auto has_left = [](const auto& worker) {
        return worker->flows_left.load() || worker->finished.load();
    };
    if (!flows_wanted_ || !std::ranges::all_of(workers_, has_left)) return;
    flows_wanted_ = false;
    std::vector<edge::HandedFlow> flows;
    std::vector<Fd> sockets;
    for (auto& worker : workers_) {
        const std::lock_guard lock(worker->mutex);
        for (MovedFlow& one : std::exchange(worker->left_flows, {})) {
            flows.push_back(std::move(one.what));
            sockets.push_back(std::move(one.fd));
        }
    }
    if (!flows.empty()) say("flows_left", "count={}", flows.size());
    auto next = sockets.begin();
    for (const auto& part : edge::in_parts(std::move(flows))) {
        HandOverAnswer answer{.line = edge::hand_over_line("flows", part), .sockets = {}};
        for (std::size_t i = 0; i < part.flows.size(); ++i) {
            answer.sockets.push_back(std::move(*next++));
        }
        peers_.tell_successor(std::move(answer));
    }
}

void Control::on_release() {
    if (!leaving_) return;
    setup_.held.clear();
    (void)listens_.want({});
}

void Control::adopt(std::vector<HeldSocket> streams) {
    std::map<std::string, std::pair<EdgeListenOffer, std::vector<Fd>>> offers;
    for (auto& one : streams) {
        auto& [offer, sockets] = offers[one.what.listen];
        offer.listen = one.what.listen;
        offer.addresses.push_back(one.what.address);
        sockets.push_back(std::move(one.fd));
    }
    for (auto& [listen, one] : offers) {
        if (const auto taken = on_listener(one.first, std::move(one.second)); !taken) {
            say("stream_not_taken", "listen={} reason={}", listen, taken.error().reason);
        }
    }
}

Status Control::follow(net::LineChannel predecessor) {
    if (awaits_flows_) flows_due_ms_ = now() + edge::k_flows_limit.count;
    predecessor_.emplace(epoll_, std::move(predecessor), *this);
    return predecessor_->listen();
}

void Control::on_flows(edge::HandedFlows flows, std::vector<Fd> sockets) {
    if (!awaits_flows_) return;  // too late: their next datagrams have begun others
    for (std::size_t i = 0; i < flows.flows.size(); ++i) {
        const auto listen = parse_listen(flows.flows[i].listen);
        if (!listen || !sockets[i].valid()) continue;
        flows_[worker_of(*listen, workers_.size())].push_back(
            {.what = std::move(flows.flows[i]), .fd = std::move(sockets[i])});
    }
    if (!flows.last) return;
    awaits_flows_ = false;
    flows_due_ms_ = -1;
    share_sockets();
}

void Control::await_flows_no_longer(std::int64_t now_ms) {
    if (flows_due_ms_ < 0 || now_ms < flows_due_ms_) return;
    say("flows_late", "reason=the edge before this one has not handed them over in {} ms",
        edge::k_flows_limit.count);
    on_flows({.flows = {}, .last = true}, {});
}

}  // namespace moln::edge_loop
