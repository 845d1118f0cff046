// Whether a request is let in, before anything is looked up or asked for it: the rate limits of its
// route, the maintenance of its app, the password that opens it.
#pragma once

#include "runtime/edge/flow.h"

namespace moln::edge_loop {

enum class Admission : std::uint8_t {
    in,
    answered,  // by ourselves: it is not
    waits,     // for its password to be checked: enter() or an answer follows
};
Admission admit(Core& core, Exchange& exchange, const edge::RouteTarget& target);

// On to the cache or to an instance. exchange_flow.cc.
void enter(Core& core, Exchange& exchange, const std::optional<CacheSpec>& cache);

// Lets those go on whose password was checked.
void serve_password_news(Core& core);

}  // namespace moln::edge_loop
