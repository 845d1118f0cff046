#include "runtime/edge/bind.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>

#include "edge/limits.h"
#include "io/net/socket.h"
#include "runtime/edge/say.h"

namespace moln::edge_loop {
namespace {

constexpr int k_metrics_backlog = 16;

struct Place {
    edge::HandedKind kind;
    net::SocketAddress address;
};

Status hold(Bound& bound, const Place& place, const Fd& fd) {
    MOLN_ASSIGN(auto copy, duplicate(fd.get()));
    bound.held.push_back({{.kind = place.kind, .address = place.address.to_string(), .listen = ""},
                          std::move(copy)});
    return {};
}

std::vector<HeldSocket> inherited(Inheritance* inheritance, const Place& place) {
    if (inheritance == nullptr) return {};
    return inheritance->take(place.kind, place.address);
}

// Two edges of one user would share a port through SO_REUSEPORT without a word.
Status refuse_taken(const net::SocketAddress& address) {
    return address.port() == 0 ? Status() : net::check_free(address);
}

Status bind_one(Bound& bound, Place place, Inheritance* inheritance) {
    const bool tls = place.kind == edge::HandedKind::web_tls;
    auto known = inherited(inheritance, place);
    if (known.empty()) MOLN_TRY(refuse_taken(place.address));
    const std::size_t workers = bound.by_worker.size();
    const std::size_t count = std::max(known.size(), workers);
    for (std::size_t i = 0; i < count; ++i) {
        Fd fd;
        if (i < known.size()) {
            fd = std::move(known[i].fd);
        } else {
            MOLN_ASSIGN(fd, net::listen_tcp(place.address, edge::k_listen_backlog));
        }
        if (i == 0) {
            // Port 0: the others join the port that the kernel chose for the first.
            MOLN_ASSIGN(place.address, net::SocketAddress::local_of(fd.get()));
            (tls ? bound.tls_names : bound.names).push_back(place.address.to_string());
        }
        // Accepted sockets inherit it: who vanishes without a word does not wait for ever.
        net::enable_keepalive(fd.get());
        MOLN_TRY(hold(bound, place, fd));
        bound.by_worker[i % workers].push_back({.fd = std::move(fd), .tls = tls});
    }
    return {};
}

Status bind_some(Bound& bound, const std::vector<std::string>& listens, edge::HandedKind kind,
                 Inheritance* inheritance) {
    for (const auto& text : listens) {
        MOLN_ASSIGN(const auto address, net::SocketAddress::parse(text));
        MOLN_TRY(bind_one(bound, {kind, address}, inheritance));
    }
    return {};
}

Status bind_metrics(Bound& bound, const std::string& text, Inheritance* inheritance) {
    if (text.empty()) return {};
    MOLN_ASSIGN(const auto address, net::SocketAddress::parse(text));
    if (!address.loopback()) {
        return fail(ErrorCode::refused,
                    fmt::format("metrics on {}: only a loopback address may be used", text));
    }
    Place place{edge::HandedKind::metrics, address};
    auto known = inherited(inheritance, place);
    if (!known.empty()) {
        bound.metrics = std::move(known.front().fd);
    } else {
        MOLN_TRY(refuse_taken(address));
        MOLN_ASSIGN(bound.metrics, net::listen_tcp(address, k_metrics_backlog));
    }
    MOLN_ASSIGN(place.address, net::SocketAddress::local_of(bound.metrics.get()));
    MOLN_TRY(hold(bound, place, bound.metrics));
    say("metrics", "listen={}", place.address.to_string());
    return {};
}

}  // namespace

Result<Fd> duplicate(int fd) {
    Fd copy(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
    if (!copy.valid()) return fail(error_from_errno(errno, "duplicate a descriptor"));
    return copy;
}

Result<Bound> bind_all(const BindWish& wish, Inheritance* inheritance) {
    if (wish.listens.empty() && wish.tls_listens.empty()) {
        return fail(ErrorCode::invalid, "no address to listen on; give one, as in 0.0.0.0:80");
    }
    Bound bound;
    bound.by_worker.resize(wish.workers);
    MOLN_TRY(bind_some(bound, wish.listens, edge::HandedKind::web, inheritance));
    MOLN_TRY(bind_some(bound, wish.tls_listens, edge::HandedKind::web_tls, inheritance));
    MOLN_TRY(bind_metrics(bound, wish.metrics, inheritance));
    return bound;
}

}  // namespace moln::edge_loop
