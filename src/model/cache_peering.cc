#include "model/cache_peering.h"

#include <set>
#include <string>

#include <fmt/format.h>

#include "model/network.h"

namespace moln {
namespace {

bool is_peer_name(const std::string& name) {
    return !name.empty() && name.size() <= k_cache_peer_name_max &&
           name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos;
}

Status validate_name(const std::string& name) {
    if (is_peer_name(name)) return {};
    return fail(ErrorCode::invalid,
                fmt::format("\"{}\" is no name of an edge: 1 to {} lower-case letters, digits and "
                            "'-'",
                            name, k_cache_peer_name_max));
}

Status validate(const CachePeer& peer) {
    MOLN_TRY(validate_name(peer.name));
    const auto address = parse_ip(peer.address);
    if (!address || peer.address.find(':') != std::string::npos) {
        return fail(ErrorCode::invalid,
                    fmt::format("peer {}: \"{}\" is no IPv4 address", peer.name, peer.address));
    }
    if (peer.port == 0) {
        return fail(ErrorCode::invalid, fmt::format("peer {}: its port is missing", peer.name));
    }
    constexpr std::uint8_t k_loopback = 127;
    constexpr std::size_t k_ipv4_at = 12;
    if (peer.host.empty() && (*address)[k_ipv4_at] != k_loopback) {
        return fail(ErrorCode::invalid,
                    fmt::format("peer {}: `host`, the name that its certificate is for, is "
                                "missing; only a loopback address is asked without TLS",
                                peer.name));
    }
    return {};
}

}  // namespace

Status validate(const CachePeering& peering) {
    MOLN_TRY(validate_name(peering.name));
    if (peering.peers.size() > k_cache_peers_max) {
        return fail(ErrorCode::refused,
                    fmt::format("{} peers, more than {}", peering.peers.size(), k_cache_peers_max));
    }
    std::set<std::string> names{peering.name};
    for (const auto& peer : peering.peers) {
        MOLN_TRY(validate(peer));
        if (!names.insert(peer.name).second) {
            return fail(ErrorCode::invalid,
                        fmt::format("peer {}: another edge has that name", peer.name));
        }
    }
    return {};
}

}  // namespace moln
