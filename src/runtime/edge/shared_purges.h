// The memory of a PurgeBook that an edge shares with the one that takes its place: what is purged
// at either of them, by a user or by a request that succeeds there, holds at once at both.
#pragma once

#include <memory>
#include <optional>

#include "edge/cache/purge_book.h"
#include "io/file/fd.h"

namespace moln::edge_loop {

struct SharedPurges {
    Fd fd;  // to be handed on; not open: there is no such memory, and the table is this process's
    std::shared_ptr<edge::PurgeTable> table;
};

SharedPurges make_purges();
// Of a descriptor that another edge handed over. Nothing: it is of another layout.
std::optional<SharedPurges> adopt_purges(Fd fd);

}  // namespace moln::edge_loop
