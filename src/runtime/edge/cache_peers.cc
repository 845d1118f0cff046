#include "runtime/edge/cache_peers.h"

#include <algorithm>

#include "edge/cache/target.h"

namespace moln::edge_loop {
namespace {

std::uint64_t place_of(const std::string& name) {
    return edge::cache_hash(name, 0);
}

}  // namespace

Result<std::shared_ptr<const CachePeers>> open_peers(const CachePeering& peering, const Secret& key,
                                                     const CellRegistry& registry) {
    MOLN_TRY(validate(peering));
    auto peers = std::make_shared<CachePeers>();
    const auto shared = edge::parse_peer_key(key.reveal());
    if (!shared) {
        return fail(ErrorCode::invalid,
                    "the key of the cache's peers is not 64 hexadecimal digits");
    }
    peers->key = *shared;
    peers->name = peering.name;
    peers->place = place_of(peering.name);
    std::shared_ptr<const tls::Client> tls;
    if (std::ranges::any_of(peering.peers, [](const auto& one) { return !one.host.empty(); })) {
        auto made = tls::Client::create(peering.authorities);
        if (!made) return fail_in("the authorities of the cache's peers", made.error());
        tls = std::move(*made);
    }
    for (const auto& spec : peering.peers) {
        auto link = std::make_shared<const PeerLink>(PeerLink{
            .spec = spec, .place = place_of(spec.name), .tls = spec.host.empty() ? nullptr : tls});
        auto entry = registry.peer_entry(link);
        peers->all.push_back({.link = std::move(link), .entry = std::move(entry)});
    }
    return peers;
}

}  // namespace moln::edge_loop
