#include "runtime/edge/tables.h"

#include <algorithm>
#include <span>
#include <utility>

#include "base/check.h"
#include "runtime/edge/cache_peers.h"

namespace moln::edge_loop {
namespace {

bool anything_open(const EndpointCell& cell) {
    EndpointReport report;
    add_to(report, cell, 0);
    return report.requests_open != 0 || report.tunnels_open != 0;
}

}  // namespace

namespace {

std::shared_ptr<EndpointCell> make_cell(const EdgeEndpoint& endpoint, std::size_t workers,
                                        const edge::SipKey& affinity) {
    const auto address = net::SocketAddress::from(endpoint.address, endpoint.port);
    CHECK(address);  // compiling refused anything else
    auto cell = std::make_shared<EndpointCell>(endpoint.instance, *address, workers);
    const auto token = edge::sip_hash(affinity, std::as_bytes(std::span(endpoint.instance.text)));
    cell->affinity = token == 0 ? 1 : token;
    return cell;
}

bool is_same_place(const EdgeEndpoint& a, const EdgeEndpoint& b) {
    return a.instance == b.instance && a.address == b.address && a.port == b.port;
}

// Null: it had none of that instance and address. Both are sorted by instance.
const std::shared_ptr<EndpointCell>* find_cell(const AppEntry& before, const EdgeEndpoint& wanted) {
    const auto& endpoints = before.app->spec.endpoints;
    const auto found =
        std::ranges::lower_bound(endpoints, wanted.instance, {}, &EdgeEndpoint::instance);
    if (found == endpoints.end() || !is_same_place(*found, wanted)) return nullptr;
    return &before.endpoints[static_cast<std::size_t>(found - endpoints.begin())].cell;
}

}  // namespace

std::shared_ptr<AppEntry> CellRegistry::entry(std::shared_ptr<const edge::CompiledApp> app,
                                              const AppEntry* before) {
    auto made = std::make_shared<AppEntry>();
    const EdgeApp& spec = app->spec;
    made->cell = before != nullptr ? before->cell
                                   : std::make_shared<AppCell>(spec.app, spec.process, workers_);
    made->endpoints.reserve(spec.endpoints.size());
    for (const auto& endpoint : spec.endpoints) {
        const auto* known = before == nullptr ? nullptr : find_cell(*before, endpoint);
        made->endpoints.push_back(
            {.cell = known != nullptr ? *known : make_cell(endpoint, workers_, affinity_),
             .state = endpoint.state,
             .protocol = endpoint.protocol,
             .canary = spec.canary_release != 0 && endpoint.release == spec.canary_release});
    }
    made->app = std::move(app);
    return made;
}

std::shared_ptr<const Tables> CellRegistry::join(edge::CompiledSnapshot compiled,
                                                 std::span<const std::uint32_t> touched,
                                                 Common common, std::uint64_t generation,
                                                 const SiteOpener& open_site) {
    apps_.resize(compiled.apps.size());
    for (const std::uint32_t place : touched) {
        const auto before = std::exchange(apps_[place], nullptr);
        const auto& app = compiled.apps[place];
        const bool stays = app && before && before->cell->app == app->spec.app &&
                           before->cell->process == app->spec.process;
        if (app) {
            auto made = entry(app, stays ? before.get() : nullptr);
            if (app->spec.site && open_site) made->site = open_site(app->spec);
            apps_[place] = std::move(made);
        }
        if (!before) continue;
        for (std::size_t i = 0; i < before->endpoints.size(); ++i) {
            const auto& endpoint = before->app->spec.endpoints[i];
            if (stays && find_cell(*apps_[place], endpoint) != nullptr) continue;
            leftovers_.push_back(before->endpoints[i].cell);
        }
    }
    auto tables = std::make_shared<Tables>();
    tables->generation = generation;
    tables->sites = std::move(common.sites);
    tables->route_index = std::move(common.route_index);
    tables->peers = std::move(common.peers);
    tables->apps = apps_;
    tables->compiled = std::move(compiled);
    return tables;
}

std::shared_ptr<const AppEntry> CellRegistry::peer_entry(
    std::shared_ptr<const PeerLink> link) const {
    const CachePeer& peer = link->spec;
    const EdgeEndpoint endpoint{.instance = InstanceId{peer.name},
                                .address = peer.address,
                                .port = peer.port,
                                .state = EndpointState::active};
    auto compiled = std::make_shared<edge::CompiledApp>();
    compiled->spec.app = AppId{"peer/" + peer.name};
    compiled->spec.process = "edge";
    compiled->spec.endpoints = {endpoint};
    compiled->spec.hold_requests_max = 0;  // who cannot be asked now is not waited for
    auto made = std::make_shared<AppEntry>();
    made->cell = std::make_shared<AppCell>(compiled->spec.app, compiled->spec.process, workers_);
    made->endpoints.push_back({.cell = make_cell(endpoint, workers_, affinity_),
                               .state = EndpointState::active,
                               .peer = std::move(link)});
    made->app = std::move(compiled);
    return made;
}

std::vector<std::shared_ptr<EndpointCell>> CellRegistry::leftovers() {
    std::erase_if(leftovers_, [](const auto& cell) { return !anything_open(*cell); });
    return leftovers_;
}

}  // namespace moln::edge_loop
