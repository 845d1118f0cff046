// Requests that the edge makes by itself: see inner_sink.h.
#pragma once

#include <optional>

#include "runtime/edge/flow.h"

namespace moln::edge_loop {

struct InnerRequest {
    Buffer* in = nullptr;  // a whole head that parses, and the body as it was received; taken over
    AppView* app = nullptr;
    InnerWish wish;
};

// Begins it in the name of `asker`, whose client and user it says it is. The sink hears of it until
// end(), which may come before this returns.
void start_inner(Core& core, const Exchange& asker, InnerSink& sink, const InnerRequest& request);

// `asker` goes on with the inner request's connection to the app as if it had asked there itself.
void hand_over(Core& core, Exchange& inner, Exchange& asker);

// It is looked at again in this turn of the loop.
void drive_soon(Core& core, Client& client);

}  // namespace moln::edge_loop
