// Other edges that this one's cache may ask, ready for the workers: see model/cache_peering.h.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "edge/cache/peer_words.h"
#include "io/tls/client.h"
#include "model/cache_peering.h"
#include "runtime/edge/tables.h"

namespace moln::edge_loop {

struct PeerLink {
    CachePeer spec;
    std::uint64_t place = 0;                 // see edge/cache/peer_choice.h
    std::shared_ptr<const tls::Client> tls;  // null: without
};

// Immutable, of one CachePeering.
struct CachePeers {
    struct One {
        std::shared_ptr<const PeerLink> link;
        std::shared_ptr<const AppEntry> entry;
    };
    std::string name;
    std::uint64_t place = 0;
    edge::PeerKey key;
    std::vector<One> all;
};

// `key`: the peering's, opened. Invalid: the reason names what cannot be used.
Result<std::shared_ptr<const CachePeers>> open_peers(const CachePeering& peering, const Secret& key,
                                                     const CellRegistry& registry);

}  // namespace moln::edge_loop
