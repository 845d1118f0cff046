#include "runtime/edge/listen_sockets.h"

#include <set>
#include <utility>

#include <fmt/format.h>
#include <sys/socket.h>

namespace moln::edge_loop {
namespace {

bool is_of_type(const Fd& fd, int type) {
    int found = 0;
    socklen_t size = sizeof found;
    return ::getsockopt(fd.get(), SOL_SOCKET, SO_TYPE, &found, &size) == 0 && found == type;
}

Status check(const EdgeListenOffer& offer, const Listen& listen, const std::vector<Fd>& fds) {
    const int type = listen.protocol == Protocol::tcp ? SOCK_STREAM : SOCK_DGRAM;
    bool good = fds.size() == offer.addresses.size() && fds.size() <= k_listen_addresses_max;
    for (const Fd& fd : fds) good = good && is_of_type(fd, type);
    if (good) return {};
    return fail(ErrorCode::invalid,
                fmt::format("listener {}: expected a {} socket for each address", offer.listen,
                            enum_word(listen.protocol)));
}

}  // namespace

bool ListenShelf::want(const std::vector<edge::StreamListen>& streams) {
    auto before = std::exchange(places_, {});
    for (const auto& stream : streams) {
        const auto known = before.find(stream.listen);
        if (known == before.end()) {
            places_.try_emplace(stream.listen);
        } else {
            places_.insert(before.extract(known));
        }
    }
    for (const auto& [listen, place] : before) {
        if (place.socket) return true;
    }
    return false;
}

Result<bool> ListenShelf::take(const EdgeListenOffer& offer, std::vector<Fd> fds) {
    MOLN_ASSIGN(const auto listen, parse_listen(offer.listen));
    MOLN_TRY(check(offer, listen, fds));
    const auto place = places_.find(listen);
    if (place == places_.end() || place->second.socket) return false;
    place->second.problem = offer.problem;
    if (fds.empty()) return false;
    auto socket = std::make_shared<ListenSocket>();
    socket->listen = listen;
    socket->fds = std::move(fds);
    socket->addresses = offer.addresses;
    place->second.socket = std::move(socket);
    return true;
}

ListenSockets ListenShelf::open() const {
    ListenSockets out;
    for (const auto& [listen, place] : places_) {
        if (place.socket) out.push_back(place.socket);
    }
    return out;
}

std::vector<EdgeListenReport> ListenShelf::report() const {
    std::vector<EdgeListenReport> out;
    for (const auto& [listen, place] : places_) {
        EdgeListenReport one{.listen = listen.text(), .addresses = {}, .problem = place.problem};
        if (place.socket) one.addresses = place.socket->addresses;
        out.push_back(std::move(one));
    }
    return out;
}

}  // namespace moln::edge_loop
