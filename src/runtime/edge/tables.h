// A compiled snapshot joined with the cells that count for it: what workers swap in. Made by the
// control thread, immutable afterwards.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "edge/compiled.h"
#include "edge/sip_hash.h"
#include "io/tls/sites.h"
#include "runtime/edge/cells.h"
#include "runtime/edge/site_shelf.h"

namespace moln::edge_loop {

struct EndpointEntry {
    std::shared_ptr<EndpointCell> cell;
    EndpointState state = EndpointState::warming;
    WebProtocol protocol = WebProtocol::http;
    bool canary = false;
};

struct AppEntry {
    std::shared_ptr<AppCell> cell;
    std::vector<EndpointEntry> endpoints;  // in the order of compiled.apps[i].endpoints
    std::shared_ptr<const OpenSite> site;  // null: it has none, or it cannot be read
};

struct Tables {
    std::uint64_t generation = 0;
    edge::CompiledSnapshot compiled;
    std::vector<AppEntry> apps;               // in the order of compiled.apps
    std::shared_ptr<const tls::Sites> sites;  // never null
};

// Remembers cells from snapshot to snapshot, so that counts go on.
class CellRegistry {
public:
    // `affinity` is what makes a client's cookie one that only an edge could have given it.
    explicit CellRegistry(std::size_t workers, edge::SipKey affinity = {})
        : workers_(workers), affinity_(affinity) {}

    std::shared_ptr<const Tables> join(edge::CompiledSnapshot compiled,
                                       std::shared_ptr<const tls::Sites> sites,
                                       std::uint64_t generation, const OpenSites& open_sites = {});

    // Endpoints that no longer stand in the last joined snapshot but still have something open.
    // Those that have nothing are forgotten by this call.
    std::vector<std::shared_ptr<EndpointCell>> leftovers();

private:
    using AppKey = std::pair<std::string, std::string>;
    using EndpointKey = std::tuple<std::string, std::string, std::string, std::string>;

    std::shared_ptr<AppCell> app_cell(const EdgeApp& app);
    std::shared_ptr<EndpointCell> endpoint_cell(const EdgeApp& app, const EdgeEndpoint& endpoint);

    std::size_t workers_;
    edge::SipKey affinity_;
    std::map<AppKey, std::shared_ptr<AppCell>> apps_;
    std::map<EndpointKey, std::shared_ptr<EndpointCell>> endpoints_;
    std::vector<std::shared_ptr<EndpointCell>> leftovers_;
};

}  // namespace moln::edge_loop
