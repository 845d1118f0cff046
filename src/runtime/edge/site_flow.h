// Requests for a site: its files are answered by the edge itself, without an instance. What the
// kernel has in memory is sent at once, from there to the socket where nothing stands between; for
// what it has not others wait (site_reader.h), no worker does.
#pragma once

#include "runtime/edge/flow.h"

namespace moln::edge_loop {

// Of an app with a site: the answer's head is on its way, or an answer of ours.
void enter_site(Core& core, Exchange& exchange);
// Of stage `site`.
Flow pump_site(Core& core, Exchange& exchange);
// Those whose bytes were waited for go on.
void serve_site_news(Core& core);
void leave_site(Core& core, Exchange& exchange);

}  // namespace moln::edge_loop
