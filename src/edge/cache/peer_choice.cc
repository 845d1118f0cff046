#include "edge/cache/peer_choice.h"

#include <algorithm>
#include <utility>

#include "edge/balance.h"

namespace moln::edge {
namespace {

// Of that kind the one whose the URL is; none of a score above `least` is there: nobody.
std::optional<std::size_t> owner(std::uint64_t url, CachePeerKind kind,
                                 std::optional<std::uint64_t> least,
                                 std::span<const PeerStanding> peers) {
    std::optional<std::size_t> best;
    for (std::size_t i = 0; i < peers.size(); ++i) {
        if (peers[i].kind != kind || peers[i].away) continue;
        const auto score = rendezvous_score(url, peers[i].place);
        if (least && score <= *least) continue;
        best = i;
        least = score;
    }
    return best;
}

}  // namespace

bool may_wait(AskedBy by, AskedOf of) {
    switch (by) {
        case AskedBy::client: break;
        case AskedBy::sibling: return of != AskedOf::sibling;
        case AskedBy::child: return of == AskedOf::app;
    }
    return true;
}

void PeerPatience::note_asked(std::int64_t now_ms, Milliseconds trial) {
    if (pause_.count == 0) return;
    tried_ = true;
    until_ms_ = now_ms + trial.count;
}

void PeerPatience::note_failure(std::int64_t now_ms) {
    // Of those that were asked at the same time.
    if (!is_over(now_ms) && !std::exchange(tried_, false)) return;
    tried_ = false;
    pause_ = std::min(std::max(Milliseconds{pause_.count * 2}, k_first), k_longest);
    until_ms_ = now_ms + pause_.count;
}

FillPath fill_path(std::uint64_t url, AskedBy by, std::uint64_t own_place,
                   std::span<const PeerStanding> peers) {
    FillPath path;
    if (by == AskedBy::child) return path;
    path.parent = owner(url, CachePeerKind::parent, std::nullopt, peers);
    if (by == AskedBy::client) {
        path.sibling = owner(url, CachePeerKind::sibling, rendezvous_score(url, own_place), peers);
    }
    return path;
}

}  // namespace moln::edge
