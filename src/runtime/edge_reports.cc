#include "runtime/edge_reports.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace moln {
namespace {

void add(EndpointReport& sum, const EndpointReport& one) {
    if (sum.health == EndpointHealth::unknown) {
        sum.health = one.health;
        sum.health_reason = one.health_reason;
    }
    sum.requests_open += one.requests_open;
    sum.tunnels_open += one.tunnels_open;
    sum.oldest_open = std::max(sum.oldest_open, one.oldest_open);
    sum.requests_total += one.requests_total;
    sum.errors_total += one.errors_total;
}

void add(EdgeAppReport& sum, const EdgeAppReport& one) {
    sum.held += one.held;
    sum.held_total += one.held_total;
    sum.queue_us_total += one.queue_us_total;
    sum.requests_total += one.requests_total;
    sum.errors_total += one.errors_total;
    if (sum.latency_counts.size() < one.latency_counts.size()) {
        sum.latency_counts.resize(one.latency_counts.size());
    }
    for (std::size_t i = 0; i < one.latency_counts.size(); ++i) {
        sum.latency_counts[i] += one.latency_counts[i];
    }
}

// Those of `more` that `sum` has not are added as they are. Both are sorted by `key`.
template <typename T, typename Key>
void add_all(std::vector<T>& sum, const std::vector<T>& more, Key key) {
    for (const T& one : more) {
        const auto place = std::ranges::lower_bound(sum, key(one), {}, key);
        if (place != sum.end() && key(*place) == key(one)) {
            add(*place, one);
        } else {
            sum.insert(place, one);
        }
    }
}

void add(EdgeReport& sum, const EdgeReport& one) {
    add_all(sum.endpoints, one.endpoints, [](const auto& e) { return e.instance; });
    add_all(sum.apps, one.apps, [](const auto& a) { return std::pair(a.app, a.process); });
    if (std::tie(one.acked_epoch, one.acked_version) <
        std::tie(sum.acked_epoch, sum.acked_version)) {
        sum.acked_epoch = one.acked_epoch;
        sum.acked_version = one.acked_version;
    }
}

EdgeProcessReport leaving_of(const EdgeReport& report) {
    EdgeProcessReport out{.pid = report.pid};
    for (const auto& endpoint : report.endpoints) {
        out.requests_open += endpoint.requests_open;
        out.tunnels_open += endpoint.tunnels_open;
        out.oldest_open = std::max(out.oldest_open, endpoint.oldest_open);
    }
    return out;
}

}  // namespace

void EdgeReports::take(const EdgeNews& news) {
    switch (news.kind) {
        case EdgeNews::Kind::began: processes_[news.process] = {}; return;
        case EdgeNews::Kind::reported: processes_[news.process].report = *news.report; return;
        case EdgeNews::Kind::lost: processes_[news.process].report.reset(); return;
        case EdgeNews::Kind::ended: processes_.erase(news.process); return;
    }
}

const EdgeReport* EdgeReports::newest() const {
    const EdgeReport* leaving = nullptr;
    for (auto process = processes_.rbegin(); process != processes_.rend(); ++process) {
        const auto& report = process->second.report;
        if (!report || process->first == k_kernel_process) continue;
        if (!report->leaving) return &*report;
        if (leaving == nullptr) leaving = &*report;
    }
    return leaving;
}

std::optional<EdgeReport> EdgeReports::sum() const {
    const EdgeReport* first = newest();
    if (first == nullptr) return std::nullopt;
    EdgeReport sum = *first;
    bool all_heard = !first->leaving;
    for (const auto& [number, process] : processes_) {
        const auto& report = process.report;
        if (!report) {
            all_heard = false;
            continue;
        }
        if (report->leaving) sum.leaving_processes.push_back(leaving_of(*report));
        if (&*report != first) add(sum, *report);
    }
    if (!all_heard) sum.acked_version = -1;
    return sum;
}

}  // namespace moln
