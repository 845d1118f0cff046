// Which other edges are asked before an app, and in which order: first the one of this place whose
// the URL is, then one nearer to the apps, whose it is there. No question goes round: who is asked
// by a sibling asks no sibling, who is asked by a child asks nobody.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/units.h"
#include "model/cache_peering.h"

namespace moln::edge {

// Who made a request.
enum class AskedBy : std::uint8_t { client, sibling, child };

// Whom a fetch under way asks.
enum class AskedOf : std::uint8_t { app, parent, sibling };

// May a request wait for it? Another edge's only if it asks further on: where two take one another
// for the owner of a URL, or for a parent, each would wait for the other.
bool may_wait(AskedBy by, AskedOf of);

// After a failure a peer is left alone for a while: a silent one costs each request that asks it
// the time until it is given up. Then one request tries it, and the others do only once it is well.
class PeerPatience {
public:
    static constexpr Milliseconds k_first = seconds(1);
    static constexpr Milliseconds k_longest = seconds(30);

    bool is_over(std::int64_t now_ms) const { return now_ms >= until_ms_; }
    // It is asked now. Who tries it again and never says how it went does so for `trial`.
    void note_asked(std::int64_t now_ms, Milliseconds trial);
    // Twice as long as the last time.
    void note_failure(std::int64_t now_ms);
    void note_success() { *this = {}; }

private:
    std::int64_t until_ms_ = 0;
    Milliseconds pause_{0};
    bool tried_ = false;  // until until_ms_, by one
};

struct PeerStanding {
    CachePeerKind kind = CachePeerKind::sibling;
    std::uint64_t place = 0;  // in the order of rendezvous: of its name, the same at all edges
    bool away = false;        // not asked now
};

// Of one request: indexes of the peers; none: nobody is asked.
struct FillPath {
    std::optional<std::size_t> sibling;  // none also where the URL is ours
    std::optional<std::size_t> parent;
};

// `url`: a hash that all edges make the same. What one that is away owns goes to the others,
// and comes back with it: all other URLs stay where they are (edge/balance.h).
FillPath fill_path(std::uint64_t url, AskedBy by, std::uint64_t own_place,
                   std::span<const PeerStanding> peers);

}  // namespace moln::edge
