// Between edges: whom a fetch for the cache asks before its app, and who is heard as another edge.
// What they say is edge/cache/peer_words.h.
#pragma once

#include "runtime/edge/cache_parts.h"
#include "runtime/edge/flow.h"

namespace moln::edge_loop {

// If the request is another edge's, exchange.asked_by says so from now on: it was let in there, and
// what it says of its client is believed.
void hear_peer(Core& core, Exchange& exchange);

// Of a fetch that is about to begin: which other edges are asked, in fill.peers.
void plan_peers(Core& core, const Exchange& asker, CacheFill& fill);
// Whom it asks next: another edge, with fill.peer and fill.question; else its app.
AppView& next_source(Core& core, const Exchange& asker, CacheFill& fill);

// How it went with fill.peer.
void note_peer_failure(Core& core, const CacheFill& fill);
void note_peer_success(Core& core, const CacheFill& fill);
// The same of a fill that ends with an answer of it: it may have broken off.
void note_peer_end(Core& core, const CacheFill& fill);

}  // namespace moln::edge_loop
