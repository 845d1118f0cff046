// A purge as somebody asks for it, as the mark that it takes.
#pragma once

#include "base/result.h"
#include "edge/cache/purge_book.h"
#include "model/edge.h"

namespace moln::edge {

// Invalid: a URL that is none, a path deeper than k_purge_depth_max, an empty name.
Result<PurgeMark> mark_of(const CachePurge& purge);

}  // namespace moln::edge
