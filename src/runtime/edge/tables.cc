#include "runtime/edge/tables.h"

#include <span>
#include <utility>

#include "base/check.h"

namespace moln::edge_loop {
namespace {

bool anything_open(const EndpointCell& cell) {
    EndpointReport report;
    add_to(report, cell, 0);
    return report.requests_open != 0 || report.tunnels_open != 0;
}

}  // namespace

std::shared_ptr<AppCell> CellRegistry::app_cell(const EdgeApp& app) {
    auto& cell = apps_[{app.app.text, app.process}];
    if (!cell) cell = std::make_shared<AppCell>(app.app, app.process, workers_);
    return cell;
}

std::shared_ptr<EndpointCell> CellRegistry::endpoint_cell(const EdgeApp& app,
                                                          const EdgeEndpoint& endpoint) {
    const auto address = net::SocketAddress::from(endpoint.address, endpoint.port);
    CHECK(address);  // compile() refused anything else
    auto& cell =
        endpoints_[{app.app.text, app.process, endpoint.instance.text, address->to_string()}];
    if (!cell) {
        cell = std::make_shared<EndpointCell>(endpoint.instance, *address, workers_);
        const auto token =
            edge::sip_hash(affinity_, std::as_bytes(std::span(endpoint.instance.text)));
        cell->affinity = token == 0 ? 1 : token;
    }
    return cell;
}

std::shared_ptr<const Tables> CellRegistry::join(edge::CompiledSnapshot compiled,
                                                 std::shared_ptr<const tls::Sites> sites,
                                                 std::uint64_t generation,
                                                 const OpenSites& open_sites) {
    auto old_endpoints = std::exchange(endpoints_, {});
    auto old_apps = std::exchange(apps_, {});
    for (const auto& app : compiled.apps) {
        const auto known = old_apps.find({app.app.text, app.process});
        if (known != old_apps.end()) apps_.insert(old_apps.extract(known));
        for (const auto& endpoint : app.endpoints) {
            const auto address = net::SocketAddress::from(endpoint.address, endpoint.port);
            const auto found = old_endpoints.find(
                {app.app.text, app.process, endpoint.instance.text, address->to_string()});
            if (found != old_endpoints.end()) endpoints_.insert(old_endpoints.extract(found));
        }
    }
    for (auto& [key, cell] : old_endpoints) leftovers_.push_back(std::move(cell));

    auto tables = std::make_shared<Tables>();
    tables->generation = generation;
    tables->sites = std::move(sites);
    for (const auto& app : compiled.apps) {
        const auto at = tables->apps.size();
        AppEntry entry{.cell = app_cell(app),
                       .endpoints = {},
                       .site = at < open_sites.size() ? open_sites[at] : nullptr};
        for (const auto& endpoint : app.endpoints) {
            entry.endpoints.push_back(
                {.cell = endpoint_cell(app, endpoint),
                 .state = endpoint.state,
                 .protocol = endpoint.protocol,
                 .canary = app.canary_release != 0 && endpoint.release == app.canary_release});
        }
        tables->apps.push_back(std::move(entry));
    }
    tables->compiled = std::move(compiled);
    return tables;
}

std::vector<std::shared_ptr<EndpointCell>> CellRegistry::leftovers() {
    std::erase_if(leftovers_, [](const auto& cell) { return !anything_open(*cell); });
    return leftovers_;
}

}  // namespace moln::edge_loop
