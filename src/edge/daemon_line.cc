#include "edge/daemon_line.h"

#include "edge/limits.h"

namespace moln::edge {

Result<DaemonLine> parse_daemon_line(std::string_view line) {
    MOLN_ASSIGN(const auto value, parse_json(line, k_snapshot_bytes_max));
    if (!value.is_object() || value.get_object().size() != 1) {
        return fail(ErrorCode::invalid, "a line is no object with one member");
    }
    const auto& [name, content] = *value.get_object().begin();
    if (name == "snapshot") {
        auto snapshot = from_json<EdgeSnapshot>(content, UnknownFields::ignore, "snapshot");
        if (!snapshot) return fail(snapshot.error());
        return std::move(*snapshot);
    }
    if (name == "delta") {
        auto delta = from_json<EdgeDelta>(content, UnknownFields::ignore, "delta");
        if (!delta) return fail(delta.error());
        return std::move(*delta);
    }
    if (name == "listener") {
        auto offer = from_json<EdgeListenOffer>(content, UnknownFields::ignore, "listener");
        if (!offer) return fail(offer.error());
        return std::move(*offer);
    }
    if (name == "purge") {
        auto purge = from_json<CachePurge>(content, UnknownFields::refuse, "purge");
        if (!purge) return fail(purge.error());
        return std::move(*purge);
    }
    if (name == "cache_peers") {
        auto peering = from_json<CachePeering>(content, UnknownFields::ignore, "cache_peers");
        if (!peering) return fail(peering.error());
        return std::move(*peering);
    }
    if (name == "take_over") {
        auto word = from_json<TakeOver>(content, UnknownFields::ignore, "take_over");
        if (!word) return fail(word.error());
        return *word;
    }
    if (name == "release") return Release{};
    if (name == "took_over") {
        auto word = from_json<TookOver>(content, UnknownFields::ignore, "took_over");
        if (!word) return fail(word.error());
        return std::move(*word);
    }
    const auto* asked = name == "get" ? content.if_string() : nullptr;
    if (asked != nullptr && *asked == "report") return DaemonAsk::report;
    if (asked != nullptr && *asked == "changes") return DaemonAsk::changes;
    if (asked != nullptr && *asked == "metrics") return DaemonAsk::metrics;
    if (asked != nullptr && *asked == "routes") return DaemonAsk::routes;
    return fail(ErrorCode::invalid, "a line is nothing that is said to an edge");
}

}  // namespace moln::edge
