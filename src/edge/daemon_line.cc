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
    const auto* asked = name == "get" ? content.if_string() : nullptr;
    if (asked != nullptr && *asked == "report") return DaemonAsk::report;
    if (asked != nullptr && *asked == "metrics") return DaemonAsk::metrics;
    return fail(ErrorCode::invalid, "a line is neither a snapshot, a listener, a purge nor a get");
}

}  // namespace moln::edge
