// A Store that goes on when the disk is full: a file of a few MiB beside it is given up for the
// write that found no space, and made again once there is room. So what is wanted can still be
// decided and written down, and things can be removed to make room.
#pragma once

#include <memory>
#include <string>

#include "base/units.h"
#include "ports/store.h"

namespace moln {

inline constexpr Bytes k_store_reserve = mib(8);  // hundreds of commits of many KiB
// The file is made again when this much is free: its own size and as much for others.
inline constexpr Bytes k_store_reserve_room = mib(16);

// The reserve at `path` is made at once if there is room. One thread at a time commits.
std::unique_ptr<Store> with_reserve(std::unique_ptr<Store> store, std::string path);

}  // namespace moln
