// A compiled snapshot joined with the cells that count for it: what workers swap in. Made by the
// control thread, immutable afterwards.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "edge/compiled.h"
#include "edge/sip_hash.h"
#include "io/tls/sites.h"
#include "runtime/edge/cells.h"
#include "runtime/edge/route_counts.h"
#include "runtime/edge/site_shelf.h"

namespace moln::edge_loop {

struct PeerLink;
struct CachePeers;

struct EndpointEntry {
    std::shared_ptr<EndpointCell> cell;
    EndpointState state = EndpointState::warming;
    WebProtocol protocol = WebProtocol::http;
    bool canary = false;
    std::shared_ptr<const PeerLink> peer = nullptr;  // null: an instance
};

struct AppEntry {
    std::shared_ptr<AppCell> cell;
    std::shared_ptr<const edge::CompiledApp> app;
    std::vector<EndpointEntry> endpoints;  // in the order of app->spec.endpoints
    std::shared_ptr<const OpenSite> site;  // null: it has none, or it cannot be read
};

struct Tables {
    std::uint64_t generation = 0;
    edge::CompiledSnapshot compiled;
    std::vector<std::shared_ptr<const AppEntry>> apps;  // by place, as compiled.apps
    std::shared_ptr<const tls::Sites> sites;            // never null
    std::shared_ptr<const RouteIndex> route_index;      // never null
    std::shared_ptr<const CachePeers> peers;            // null: the cache has none

    edge::SnapshotStamp stamp() const {
        return {.epoch = compiled.epoch, .version = compiled.version};
    }
};

// Remembers cells from snapshot to snapshot, so that counts go on.
class CellRegistry {
public:
    // `affinity` is what makes a client's cookie one that only an edge could have given it.
    explicit CellRegistry(std::size_t workers, edge::SipKey affinity = {})
        : workers_(workers), affinity_(affinity) {}

    // What workers work by as a whole.
    struct Common {
        std::shared_ptr<const tls::Sites> sites;
        std::shared_ptr<const RouteIndex> route_index;
        std::shared_ptr<const CachePeers> peers;
    };
    // Of an app that has one; null when it cannot be read.
    using SiteOpener = std::function<std::shared_ptr<const OpenSite>(const EdgeApp&)>;

    // `touched`: the places where `compiled` differs from what was joined before. All others are
    // shared with the tables of before.
    std::shared_ptr<const Tables> join(edge::CompiledSnapshot compiled,
                                       std::span<const std::uint32_t> touched, Common common,
                                       std::uint64_t generation, const SiteOpener& open_site = {});

    // Another edge as an app of one endpoint, so that its connections are as an instance's.
    std::shared_ptr<const AppEntry> peer_entry(std::shared_ptr<const PeerLink> link) const;

    // Endpoints that no longer stand in the last joined snapshot but still have something open.
    // Those that have nothing are forgotten by this call.
    std::vector<std::shared_ptr<EndpointCell>> leftovers();

private:
    std::shared_ptr<AppEntry> entry(std::shared_ptr<const edge::CompiledApp> app,
                                    const AppEntry* before);

    std::size_t workers_;
    edge::SipKey affinity_;
    std::vector<std::shared_ptr<const AppEntry>> apps_;  // of the last joined snapshot
    std::vector<std::shared_ptr<EndpointCell>> leftovers_;
};

}  // namespace moln::edge_loop
