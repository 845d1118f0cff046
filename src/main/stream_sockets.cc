#include "main/stream_sockets.h"

#include <algorithm>
#include <utility>

#include "io/host/log.h"
#include "io/net/distinct.h"
#include "io/net/socket.h"
#include "model/listen.h"

namespace moln {
namespace {

constexpr int k_backlog = 4096;

struct Opened {
    std::vector<Fd> fds;
    std::vector<std::string> addresses;
};

Result<Opened> open_all(const Listen& listen, std::vector<net::SocketAddress> addresses) {
    Opened opened;
    for (auto& address : addresses) {
        address.set_port(listen.port);
        MOLN_ASSIGN(auto fd, listen.protocol == Protocol::tcp
                                 ? net::listen_tcp_alone(address, k_backlog)
                                 : net::bind_udp(address));
        opened.fds.push_back(std::move(fd));
        opened.addresses.push_back(address.to_string());
    }
    return opened;
}

}  // namespace

void StreamSockets::serve(const EdgeReport& report, MonoTime received) {
    if (received == served_) return;
    served_ = received;
    const bool all_open =
        std::ranges::all_of(report.streams, [](const auto& one) { return !one.addresses.empty(); });
    if (all_open) return;
    const auto addresses = net::distinct_hosts({report.listens, report.tls_listens});
    for (const auto& one : report.streams) {
        if (one.addresses.empty()) open(report.pid, one.listen, addresses);
    }
}

void StreamSockets::open(std::int64_t pid, const std::string& listen,
                         const std::vector<net::SocketAddress>& addresses) {
    EdgeListenOffer offer{.listen = listen, .addresses = {}, .problem = {}};
    const auto parsed = parse_listen(listen);
    if (!parsed) return;  // a newer edge's
    auto opened = open_all(*parsed, addresses);
    if (!opened) {
        offer.problem = opened.error().reason;
        link_.offer(pid, offer, {});
        return;
    }
    offer.addresses = std::move(opened->addresses);
    log_info("stream.opened", {{"listen", listen}});
    link_.offer(pid, offer, std::move(opened->fds));
}

}  // namespace moln
