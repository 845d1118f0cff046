#include "model/edge_process.h"

#include <algorithm>

#include <fmt/format.h>

#include "model/words.h"

namespace moln {

EdgeProcessView process_view(const EdgeReport& report,
                             const std::optional<EdgeProcessCounts>& counts) {
    EdgeProcessView view;
    view.pid = report.pid;
    view.state = report.leaving ? EdgeProcessState::leaving : EdgeProcessState::serving;
    view.epoch_acked = report.acked_epoch;
    view.version_acked = report.acked_version;
    view.listens = report.listens;
    view.tls_listens = report.tls_listens;
    view.streams = report.streams;
    for (const auto& endpoint : report.endpoints) {
        view.requests_open += endpoint.requests_open;
        view.tunnels_open += endpoint.tunnels_open;
        view.oldest_open = std::max(view.oldest_open, endpoint.oldest_open);
    }
    for (const auto& app : report.apps) view.requests_held += app.held;
    if (counts) {
        view.connections_open = counts->connections_open;
        view.log_lines_dropped_total = counts->log_lines_dropped_total;
    }
    view.cache_objects = report.cache.objects;
    view.cache_size = report.cache.size;
    view.cache_size_max = report.cache.size_max;
    view.cache_disk_size = report.cache.disk_size;
    view.cache_disk_size_max = report.cache.disk_size_max;
    return view;
}

std::string open_words(const EdgeProcessView& view, std::string_view tunnel) {
    std::string text;
    const auto add = [&](const std::string& words) {
        if (!text.empty()) text += ", ";
        text += words;
    };
    if (view.requests_open > 0) add(count_words(view.requests_open, "request"));
    if (view.requests_held > 0) add(fmt::format("{} waiting", view.requests_held));
    if (view.tunnels_open > 0) add(count_words(view.tunnels_open, tunnel));
    if (view.requests_open + view.tunnels_open > 0) {
        add("oldest " + duration_words(view.oldest_open));
    }
    return text;
}

}  // namespace moln
