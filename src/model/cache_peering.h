// Other edges that an edge may fill its cache from before it asks an app: those of its own place,
// among which URLs are spread, and those nearer to the apps. Told to an edge apart from its
// snapshot, as it is another for each edge.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/codec.h"

namespace moln {

inline constexpr std::size_t k_cache_peers_max = 64;
inline constexpr std::size_t k_cache_peer_name_max = 63;

// What it is to the edge that asks it, in the words of web caches (RFC 2186).
enum class CachePeerKind {
    sibling,  // of the same place: the owner of a URL is asked by the others
    parent,   // nearer to the apps: asked for all that this place does not have
};
BOOST_DESCRIBE_ENUM(CachePeerKind, sibling, parent)

struct CachePeer {
    std::string name;  // as it calls itself; lower-case letters, digits, '-'
    CachePeerKind kind = CachePeerKind::sibling;
    std::string address;     // IPv4 literal
    std::uint16_t port = 0;  // TCP
    // That its certificate is for; "": it is asked without TLS, only of a loopback address.
    std::string host;
    friend bool operator==(const CachePeer&, const CachePeer&) = default;
};
BOOST_DESCRIBE_STRUCT(CachePeer, (), (name, kind, address, port, host))

struct CachePeering {
    std::string name;  // what the others call this edge
    // 64 hexadecimal digits that all of them share, sealed as certificates' keys are, bound to
    // k_cache_peering_context: by it they know one another's questions.
    std::string sealed_key;
    std::string authorities;  // PEM: whom the peers' certificates must be of
    std::vector<CachePeer> peers;
    friend bool operator==(const CachePeering&, const CachePeering&) = default;
};
BOOST_DESCRIBE_STRUCT(CachePeering, (), (name, sealed_key, authorities, peers))

inline constexpr const char* k_cache_peering_context = "cache-peering";

// All but key and authorities, which only who opens them can judge. `invalid` names the peer.
Status validate(const CachePeering& peering);

}  // namespace moln
