#include "runtime/edge/take_over.h"

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <span>
#include <utility>

#include <fmt/format.h>
#include <poll.h>

#include "base/hex.h"
#include "edge/limits.h"
#include "io/net/socket.h"
#include "runtime/edge/core.h"
#include "runtime/edge/say.h"

namespace moln::edge_loop {
namespace {

static_assert(edge::k_handed_sockets_max <= net::k_line_descriptors_max);

// One that cannot be read costs a full handshake.
std::vector<tls::TicketKey> from_handed(const std::vector<edge::HandedTicketKey>& handed) {
    std::vector<tls::TicketKey> keys;
    for (const auto& one : handed) {
        tls::TicketKey key{.made = one.made};
        if (from_hex(one.name, key.name) && from_hex(one.cipher, key.cipher) &&
            from_hex(one.mac, key.mac)) {
            keys.push_back(key);
        }
    }
    return keys;
}

std::int64_t now() {
    return clock_now(Clock::mono_us) / 1000;
}

// Until the descriptor is ready for `events` or the deadline is over.
Status wait_for(int fd, short events, std::int64_t deadline_ms) {
    for (;;) {
        const auto left = deadline_ms - now();
        if (left <= 0) {
            return fail(ErrorCode::timeout, "the edge before this one does not answer");
        }
        pollfd one{.fd = fd, .events = events, .revents = 0};
        const int ready = ::poll(&one, 1, static_cast<int>(left));
        if (ready > 0) return {};
        if (ready < 0 && errno != EINTR) return fail(error_from_errno(errno, "poll"));
    }
}

Status send(net::LineChannel& line, std::string_view text, std::int64_t deadline_ms) {
    MOLN_TRY(line.send_line(text));
    for (;;) {
        MOLN_ASSIGN(const bool all_out, line.write_some());
        if (all_out) return {};
        MOLN_TRY(wait_for(line.fd(), POLLOUT, deadline_ms));
    }
}

// The next line that is of concern here.
Result<edge::HandOverLine> next(net::LineChannel& line, std::int64_t deadline_ms) {
    for (;;) {
        std::string_view text;
        while (line.next_line(&text)) {
            auto said = edge::parse_hand_over_line(text);
            if (!said || !std::holds_alternative<edge::HandOverOther>(*said)) return said;
        }
        MOLN_TRY(wait_for(line.fd(), POLLIN, deadline_ms));
        MOLN_ASSIGN(const auto state, line.read_some());
        if (state == net::LineChannel::ReadState::ended && !line.next_line(&text)) {
            return fail(ErrorCode::unavailable, "the edge before this one has hung up");
        }
    }
}

Status take_part(Inheritance& all, edge::Handed& part) {
    for (auto& what : part.sockets) {
        Fd fd = all.line.take_descriptor();
        if (!fd.valid()) {
            return fail(ErrorCode::invalid, "the edge before this one names a socket it keeps");
        }
        all.sockets.push_back({std::move(what), std::move(fd)});
    }
    if (part.last) {
        all.stamp = {.epoch = part.epoch, .version = part.version};
        all.ticket_keys = from_handed(part.ticket_keys);
        all.hands_flows = part.flows;
    }
    return {};
}

bool is_same_place(const edge::HandedSocket& what, const net::SocketAddress& wanted) {
    auto address = net::SocketAddress::parse(what.address);
    if (!address) return false;
    if (wanted.port() == 0) address->set_port(0);
    return address->to_string() == wanted.to_string();
}

}  // namespace

std::vector<HeldSocket> Inheritance::take(edge::HandedKind kind,
                                          const net::SocketAddress& address) {
    const auto first = std::ranges::find_if(sockets, [&](const HeldSocket& one) {
        return one.what.kind == kind && is_same_place(one.what, address);
    });
    if (first == sockets.end()) return {};
    const auto what = first->what;
    const auto others = std::ranges::stable_partition(
        sockets, [&](const HeldSocket& one) { return one.what != what; });
    std::vector<HeldSocket> taken(std::make_move_iterator(others.begin()),
                                  std::make_move_iterator(others.end()));
    sockets.erase(others.begin(), others.end());
    return taken;
}

std::vector<HeldSocket> Inheritance::take_all(edge::HandedKind kind) {
    const auto others = std::ranges::stable_partition(
        sockets, [&](const HeldSocket& one) { return one.what.kind != kind; });
    std::vector<HeldSocket> taken(std::make_move_iterator(others.begin()),
                                  std::make_move_iterator(others.end()));
    sockets.erase(others.begin(), others.end());
    return taken;
}

Result<Inheritance> take_over(const std::string& path, Milliseconds limit) {
    const std::int64_t deadline_ms = now() + limit.count;
    MOLN_ASSIGN(auto fd, net::connect_unix(path));
    Inheritance all{
        .sockets = {},
        .stamp = {},
        .ticket_keys = {},
        .line = net::LineChannel(std::move(fd), {.line_max = edge::k_snapshot_bytes_max,
                                                 .unsent_max = edge::k_head_bytes_max})};
    MOLN_TRY(send(all.line, edge::hand_over_line("take_over", edge::TakeOver{.purges = true}),
                  deadline_ms));
    for (;;) {
        MOLN_ASSIGN(auto said, next(all.line, deadline_ms));
        if (const auto* refused = std::get_if<edge::HandOverRefused>(&said)) {
            return fail(ErrorCode::refused,
                        "the edge before this one hands nothing over: " + refused->reason);
        }
        auto* part = std::get_if<edge::Handed>(&said);
        if (part == nullptr) return fail(ErrorCode::invalid, "the edge before this one is lost");
        MOLN_TRY(take_part(all, *part));
        if (part->last) return all;
    }
}

Status tell_took_over(Inheritance& inheritance, Milliseconds drain_limit, Milliseconds limit) {
    const std::int64_t deadline_ms = now() + limit.count;
    edge::TookOver word{.drain_limit = drain_limit,
                        .unwanted = {},
                        .purges = inheritance.shares_purges,
                        .flows = inheritance.hands_flows};
    for (auto& one : std::exchange(inheritance.sockets, {})) word.unwanted.push_back(one.what);
    MOLN_TRY(send(inheritance.line, edge::hand_over_line("took_over", word), deadline_ms));
    MOLN_ASSIGN(const auto said, next(inheritance.line, deadline_ms));
    if (std::holds_alternative<edge::HandOverLeft>(said)) return {};
    return fail(ErrorCode::invalid, "the edge before this one does not say that it leaves");
}

Status Predecessor::listen() {
    MOLN_TRY(epoll_.add(line_.fd(), EPOLLIN | EPOLLRDHUP, static_cast<ControlPart*>(this)));
    hear();  // what came with the last line that was waited for
    return {};
}

void Predecessor::drop() {
    if (std::exchange(gone_, true)) return;
    (void)epoll_.remove(line_.fd());
    heir_.on_flows({.flows = {}, .last = true}, {});
}

void Predecessor::hear() {
    std::string_view text;
    while (!gone_ && line_.next_line(&text)) {
        auto said = edge::parse_hand_over_line(text);
        // The descriptors of one that cannot be read would pass for the next one's.
        if (!said) return drop();
        auto* flows = std::get_if<edge::HandedFlows>(&*said);
        if (flows == nullptr) continue;
        std::vector<Fd> sockets;
        for (std::size_t i = 0; i < flows->flows.size(); ++i) {
            sockets.push_back(line_.take_descriptor());
        }
        heir_.on_flows(std::move(*flows), std::move(sockets));
    }
}

void Predecessor::on_event(std::uint32_t /*events*/, std::int64_t /*now_ms*/) {
    if (gone_) return;
    const auto state = line_.read_some();
    hear();
    if (state && *state == net::LineChannel::ReadState::more) return;
    say("predecessor_ended", "reason={}", state ? "it is done" : state.error().reason);
    drop();
}

void Predecessor::release() {
    if (gone_) return;
    // A few bytes; a socket that does not take them is of a process that does not live.
    if (line_.send_line(edge::hand_over_line("release", edge::Release{}))) {
        (void)line_.write_some();
    }
    drop();
}

std::vector<edge::HandedTicketKey> to_handed(const std::vector<tls::TicketKey>& keys) {
    std::vector<edge::HandedTicketKey> handed;
    for (const auto& key : keys) {
        handed.push_back({.name = to_hex(key.name),
                          .cipher = to_hex(key.cipher),
                          .mac = to_hex(key.mac),
                          .made = key.made});
    }
    return handed;
}

}  // namespace moln::edge_loop
