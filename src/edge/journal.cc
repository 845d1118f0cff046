#include "edge/journal.h"

#include <optional>
#include <utility>

#include "edge/compiled.h"
#include "edge/daemon_line.h"

namespace moln::edge {

void replay(EdgeSnapshot& snapshot, std::string_view journal) {
    std::optional<EdgeDelta> all;
    for (;;) {
        const auto end = journal.find('\n');
        if (end == std::string_view::npos) return;
        auto line = parse_daemon_line(journal.substr(0, end));
        journal.remove_prefix(end + 1);
        if (!line) return;
        auto* delta = std::get_if<EdgeDelta>(&*line);
        if (delta == nullptr) return;
        if (!all) {
            all = std::move(*delta);
        } else if (!join(*all, std::move(*delta))) {
            return;
        }
        if (!all->last) continue;
        auto whole = std::exchange(all, std::nullopt);
        const SnapshotStamp here{.epoch = snapshot.epoch, .version = snapshot.version};
        const SnapshotStamp next{.epoch = whole->epoch, .version = whole->version};
        if (compare(here, next) != StampOrder::newer) continue;
        if (!apply(snapshot, std::move(*whole))) return;
    }
}

}  // namespace moln::edge
