// The changes of a snapshot since it was saved, as text: one line a delta, or several for a long
// one, as a daemon says them (model/edge_delta.h). Not the file.
#pragma once

#include <string_view>

#include "model/edge.h"

namespace moln::edge {

// Makes `snapshot`, which is sorted, what the journal's lines say, in their order. Lines of what
// the snapshot has already are passed over: it may have been saved anew after they were written.
// What comes behind a line that is torn, that is none or that does not fit is left out: it was
// never acknowledged, or cannot be told from what was not.
void replay(EdgeSnapshot& snapshot, std::string_view journal);

}  // namespace moln::edge
