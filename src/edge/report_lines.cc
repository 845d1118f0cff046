#include "edge/report_lines.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace moln::edge {
namespace {

// What is said of all apps and endpoints together stands in `first`, with the first line.
std::string line_of(const EdgeReport& report, json::object first, bool more) {
    json::object line{{"report", to_json(report)}};
    for (auto& [name, value] : first) line.emplace(name, std::move(value));
    line.emplace("deltas", true);
    line.emplace("cache_peers", true);
    line.emplace("changes", true);
    if (more) line.emplace("more", true);
    return json::serialize(line);
}

// At most `count` of the front of `from`.
template <typename T>
std::size_t move_front(std::vector<T>& from, std::vector<T>& to, std::size_t& at,
                       std::size_t count) {
    const std::size_t moved = std::min(count, from.size() - at);
    const auto begin = from.begin() + static_cast<std::ptrdiff_t>(at);
    std::move(begin, begin + static_cast<std::ptrdiff_t>(moved), std::back_inserter(to));
    at += moved;
    return moved;
}

std::vector<std::string> lines_of(EdgeReport report, json::object first) {
    if (report.apps.size() + report.endpoints.size() <= k_report_entries_max) {
        return {line_of(report, std::move(first), false)};
    }
    auto apps = std::exchange(report.apps, {});
    auto endpoints = std::exchange(report.endpoints, {});
    std::vector<std::string> lines;
    std::size_t app = 0;
    std::size_t endpoint = 0;
    while (app < apps.size() || endpoint < endpoints.size()) {
        const auto moved = move_front(apps, report.apps, app, k_report_entries_max);
        move_front(endpoints, report.endpoints, endpoint, k_report_entries_max - moved);
        const bool more = app < apps.size() || endpoint < endpoints.size();
        lines.push_back(line_of(report, std::exchange(first, {}), more));
        report = {};
    }
    return lines;
}

}  // namespace

std::vector<std::string> report_lines(EdgeReport report, const EdgeProcessCounts& counts) {
    return lines_of(std::move(report), {{"counts", to_json(counts)}});
}

std::vector<std::string> change_lines(ReportChanges changes, const EdgeProcessCounts& counts) {
    json::object first{{"counts", to_json(counts)},
                       {"since", true},
                       {"endpoints_gone", to_json(changes.endpoints_gone)},
                       {"apps_gone", to_json(changes.apps_gone)}};
    return lines_of(std::move(changes.report), std::move(first));
}

}  // namespace moln::edge
