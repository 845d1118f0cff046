// The edge as text: its processes and addresses, and rates of its routes.
#include <algorithm>
#include <tuple>

#include <fmt/format.h>

#include "cli/render.h"
#include "model/words.h"

namespace moln::cli {
namespace {

Cell state_cell(EdgeProcessState state) {
    const std::string word(enum_word(state));
    switch (state) {
        case EdgeProcessState::serving: return {word, Colour::good};
        case EdgeProcessState::starting:
        case EdgeProcessState::leaving: return {word, Colour::warning};
        case EdgeProcessState::unheard: break;
    }
    return {word, Colour::bad};
}

bool is_heard(const EdgeProcessView& view) {
    return view.state == EdgeProcessState::serving || view.state == EdgeProcessState::leaving;
}

Cell version_cell(const EdgeProcessView& view) {
    const auto acked = std::tie(view.epoch_acked, view.version_acked);
    if (acked >= std::tie(view.epoch_wanted, view.version_wanted)) {
        return std::to_string(view.version_acked);
    }
    return {fmt::format("{} of {}", view.version_acked, view.version_wanted), Colour::warning};
}

std::string cache_words(const EdgeProcessView& view) {
    if (view.cache_size_max.count == 0) return "off";
    auto text =
        fmt::format("{} of {}", size_words(view.cache_size), size_words(view.cache_size_max));
    if (view.cache_disk_size_max.count > 0) {
        text += fmt::format(", disk {} of {}", size_words(view.cache_disk_size),
                            size_words(view.cache_disk_size_max));
    }
    return text;
}

std::string processes_table(const std::vector<EdgeProcessView>& views, const Style& style) {
    const bool several_epochs = std::ranges::any_of(views, [&](const auto& view) {
        return is_heard(view) && view.epoch_acked != view.epoch_wanted;
    });
    std::vector<std::string> header = {"NODE", "PROCESS", "STATE", "VERSION"};
    if (several_epochs) header.emplace_back("EPOCH");
    for (const auto* name : {"CONNECTIONS", "OPEN", "CACHE"}) header.emplace_back(name);
    Table table(std::move(header));
    for (const auto& view : views) {
        const bool heard = is_heard(view);
        std::vector<Cell> row = {view.node.text, std::to_string(view.pid), state_cell(view.state),
                                 heard ? version_cell(view) : Cell("-")};
        if (several_epochs) row.emplace_back(heard ? std::to_string(view.epoch_acked) : "-");
        row.emplace_back(view.connections_open ? std::to_string(*view.connections_open) : "-");
        row.emplace_back(view.open_text.empty() ? "-" : view.open_text);
        row.emplace_back(heard ? cache_words(view) : "-");
        table.add(std::move(row));
    }
    return table.text(style);
}

std::string addresses_words(const std::vector<std::string>& addresses) {
    return fmt::format("{}", fmt::join(addresses, ", "));
}

// Of the one that takes requests: the others have given theirs away.
std::string listens_table(const EdgeProcessView& view, const Style& style) {
    Table table({"LISTENS FOR", "AT"});
    if (!view.listens.empty()) table.add({"http", addresses_words(view.listens)});
    if (!view.tls_listens.empty()) table.add({"https", addresses_words(view.tls_listens)});
    for (const auto& stream : view.streams) {
        if (!stream.problem.empty()) {
            table.add({stream.listen, {"not open: " + stream.problem, Colour::bad}});
        } else if (stream.addresses.empty()) {
            table.add({stream.listen, {"being opened", Colour::warning}});
        } else {
            table.add({stream.listen, addresses_words(stream.addresses)});
        }
    }
    return table.empty() ? "" : table.text(style);
}

std::string percent_words(const std::optional<double>& percent) {
    return percent ? fmt::format("{:.0f} %", *percent) : "-";
}

std::string bytes_words(double bytes_per_s) {
    return size_words({static_cast<std::int64_t>(bytes_per_s)});
}

}  // namespace

std::string render_edge(const std::vector<EdgeProcessView>& views, const Style& style) {
    if (views.empty()) return nothing(style, "No edge runs on this node.");
    std::string out = processes_table(views, style);
    const auto serves =
        std::ranges::find(views, EdgeProcessState::serving, &EdgeProcessView::state);
    if (serves != views.end()) {
        const auto listens = listens_table(*serves, style);
        if (!listens.empty()) out += "\n" + listens;
    }
    for (const auto& view : views) {
        const auto dropped = view.log_lines_dropped_total.value_or(0);
        if (dropped == 0) continue;
        out += paint(style, Colour::warning, "warning: ") +
               fmt::format("process {} dropped {} of the access log: its disk was too slow\n",
                           view.pid, count_words(dropped, "line"));
    }
    return out;
}

std::string render_edge_upgrade(const EdgeUpgradeView& view, const Style& /*style*/) {
    return printable(view.text) + "\n";
}

std::string render_top_routes(const TopRoutesView& view, const Style& style) {
    if (view.routes.empty()) return nothing(style, "No routes.");
    Table table({"ROUTE", "APP", "REQ/S", "ERR/S", "P50", "P90", "P99", "CACHED", "IN/S", "OUT/S"});
    for (const auto& row : view.routes) {
        const bool others = row.host.empty();
        table.add({others ? Cell("all others", Colour::dim)
                          : Cell(row.path == "/" ? row.host : row.host + row.path),
                   others ? "-" : short_app(row.app),
                   fmt::format("{:.1f}", row.requests_per_s),
                   {fmt::format("{:.1f}", row.errors_per_s),
                    row.errors_per_s > 0 ? Colour::bad : Colour::plain},
                   milliseconds_words(row.p50_us),
                   milliseconds_words(row.p90_us),
                   milliseconds_words(row.p99_us),
                   percent_words(row.cache_hit_percent),
                   bytes_words(row.bytes_in_per_s),
                   bytes_words(row.bytes_out_per_s)});
    }
    auto out = table.text(style);
    if (view.left_out > 0) {
        out += nothing(style, fmt::format("and {} that had no more requests; --limit shows them",
                                          count_words(view.left_out, "route")));
    }
    return out;
}

}  // namespace moln::cli
