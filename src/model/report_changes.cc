#include "model/report_changes.h"

#include <algorithm>
#include <iterator>
#include <tuple>
#include <utility>

namespace moln {
namespace {

auto key_of(const EndpointReport& one) {
    return std::tie(one.instance);
}
auto key_of(const EdgeAppReport& one) {
    return std::tie(one.app, one.process);
}
auto key_of(const InstanceId& gone) {
    return std::tie(gone);
}
auto key_of(const EdgeAppKey& gone) {
    return std::tie(gone.app, gone.process);
}

constexpr auto k_by_key = [](const auto& a, const auto& b) { return key_of(a) < key_of(b); };

InstanceId name_of(const EndpointReport& one) {
    return one.instance;
}
EdgeAppKey name_of(const EdgeAppReport& one) {
    return {.app = one.app, .process = one.process};
}

// Leaves in `now` what is not the same in `before`.
template <typename T, typename Name>
void keep_changes(const std::vector<T>& before, std::vector<T>& now, std::vector<Name>& gone) {
    std::vector<T> changed;
    auto old = before.begin();
    for (auto& one : now) {
        for (; old != before.end() && k_by_key(*old, one); ++old) gone.push_back(name_of(*old));
        const bool known = old != before.end() && !k_by_key(one, *old);
        if (!known || *old != one) changed.push_back(std::move(one));
        if (known) ++old;
    }
    for (; old != before.end(); ++old) gone.push_back(name_of(*old));
    now = std::move(changed);
}

template <typename T, typename Name>
void take_list(std::vector<T>& all, std::vector<T> changed, const std::vector<Name>& gone) {
    if (!gone.empty()) {
        std::erase_if(all, [&](const T& one) {
            return std::binary_search(gone.begin(), gone.end(), one, k_by_key);
        });
    }
    const auto known = static_cast<std::ptrdiff_t>(all.size());
    for (auto& one : changed) {
        const auto end = all.begin() + known;
        const auto place = std::lower_bound(all.begin(), end, one, k_by_key);
        if (place != end && !k_by_key(one, *place)) {
            *place = std::move(one);
        } else {
            all.push_back(std::move(one));
        }
    }
    std::inplace_merge(all.begin(), all.begin() + known, all.end(), k_by_key);
}

}  // namespace

void sort_report(EdgeReport& report) {
    const auto sort = [](auto& list) {
        if (!std::ranges::is_sorted(list, k_by_key)) std::ranges::sort(list, k_by_key);
    };
    sort(report.endpoints);
    sort(report.apps);
}

ReportChanges changes_since(const EdgeReport& before, EdgeReport now) {
    ReportChanges changes{.report = std::move(now), .endpoints_gone = {}, .apps_gone = {}};
    keep_changes(before.endpoints, changes.report.endpoints, changes.endpoints_gone);
    keep_changes(before.apps, changes.report.apps, changes.apps_gone);
    return changes;
}

void take_changes(EdgeReport& report, ReportChanges changes) {
    auto endpoints = std::move(report.endpoints);
    auto apps = std::move(report.apps);
    take_list(endpoints, std::exchange(changes.report.endpoints, {}), changes.endpoints_gone);
    take_list(apps, std::exchange(changes.report.apps, {}), changes.apps_gone);
    report = std::move(changes.report);
    report.endpoints = std::move(endpoints);
    report.apps = std::move(apps);
}

}  // namespace moln
