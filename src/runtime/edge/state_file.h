// The last snapshot on disk, so that an edge that was killed serves on with what it knew, and the
// lock that keeps a second edge away from it.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "io/file/lock_file.h"
#include "model/edge.h"
#include "runtime/edge/folder.h"

namespace moln::edge_loop {

// refused when another edge holds it; the reason names its process id.
Result<FileLock> lock_state(const std::string& state_dir);

// Written beside, synced, renamed, and the folder synced: after a crash there is the old snapshot
// or the new one.
Status save_snapshot(const Folder& state_dir, const EdgeSnapshot& snapshot);

// Nothing when none was saved; corrupt when what is there cannot be read.
Result<std::optional<EdgeSnapshot>> load_snapshot(const std::string& state_dir);

}  // namespace moln::edge_loop
