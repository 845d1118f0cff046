#include "runtime/edge/route_counts.h"

#include <utility>

namespace moln::edge_loop {
namespace {

constexpr std::int64_t EdgeRouteReport::* k_totals[] = {
    &EdgeRouteReport::requests_total,     &EdgeRouteReport::errors_total,
    &EdgeRouteReport::cache_hits_total,   &EdgeRouteReport::cache_misses_total,
    &EdgeRouteReport::cache_passes_total, &EdgeRouteReport::bytes_in_total,
    &EdgeRouteReport::bytes_out_total,
};

}  // namespace

EdgeRouteReport RouteLedger::sum(std::uint32_t number) const {
    EdgeRouteReport all;
    all.latency_counts.assign(edge::k_latency_buckets, 0);
    for (const RouteCounts* counts : counts_) {
        const RouteSlot& slot = counts->slot(number);
        all.requests_total += slot.requests_total.get();
        all.errors_total += slot.errors_total.get();
        all.cache_hits_total += slot.cache_hits.get();
        all.cache_misses_total += slot.cache_misses.get();
        all.cache_passes_total += slot.cache_passes.get();
        all.bytes_in_total += slot.bytes_in.get();
        all.bytes_out_total += slot.bytes_out.get();
        for (std::size_t i = 0; i < edge::k_latency_buckets; ++i) {
            all.latency_counts[i] += slot.latency[i].get();
        }
    }
    return all;
}

EdgeRouteReport RouteLedger::since_begun(std::uint32_t slot) const {
    auto report = sum(slot);
    const auto& begun = begun_[slot];
    for (const auto total : k_totals) report.*total -= begun.*total;
    for (std::size_t i = 0; i < begun.latency_counts.size(); ++i) {
        report.latency_counts[i] -= begun.latency_counts[i];
    }
    return report;
}

std::shared_ptr<const RouteIndex> RouteLedger::assign(std::span<const EdgeRoute> routes) {
    std::vector<std::uint32_t> taken;
    auto index = std::make_shared<RouteIndex>(slots_.assign(routes, taken));
    for (const std::uint32_t slot : taken) begun_[slot] = sum(slot);
    return index;
}

std::vector<EdgeRouteReport> RouteLedger::report() const {
    std::vector<EdgeRouteReport> reports;
    for (const auto& [route, slot] : slots_.routes()) {
        auto& one = reports.emplace_back(since_begun(slot));
        one.host = route.host;
        one.path = route.path;
    }
    auto others = since_begun(0);
    if (others.requests_total != 0) reports.push_back(std::move(others));
    return reports;
}

}  // namespace moln::edge_loop
