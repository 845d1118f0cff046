// The last snapshot on disk, so that an edge that was killed serves on with what it knew, and the
// lock that keeps a second edge away from it.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "io/file/fd.h"
#include "io/file/lock_file.h"
#include "model/cache_peering.h"
#include "model/edge.h"
#include "model/edge_delta.h"
#include "runtime/edge/folder.h"

namespace moln::edge_loop {

// refused when another edge holds it; the reason names its process id.
Result<FileLock> lock_state(const std::string& state_dir);

// The snapshot as a whole, and while that is long, a journal of its changes (edge/journal.h): what
// is acknowledged is on disk, and a change of one endpoint does not cost the writing of everything.
//
// The whole is written beside, synced, renamed, and the folder synced: after a crash there is the
// old or the new. The journal is emptied behind it, so that it may for a moment tell what the whole
// has already; and its last line may be torn. One thread.
class SnapshotFile {
public:
    // `folder` outlives it.
    explicit SnapshotFile(const Folder& folder) : folder_(folder) {}

    // What is to be written of a change: made before it is applied, given to add() after it.
    std::string note_of(const EdgeDelta& delta);
    void add(std::string_view note);
    // What was added is on disk when this returns. `now` is the snapshot with all of it.
    Status save(const EdgeSnapshot& now);
    // As a whole, without a journal.
    Status save_whole(const EdgeSnapshot& now);
    // As save(), and nothing is left in a journal: for an edge that may know none.
    Status settle(const EdgeSnapshot& now);
    // What was added came from the disk.
    void forget();

private:
    bool keeps_journal() const;
    Status append();

    const Folder& folder_;
    bool dirty_ = false;
    std::size_t whole_bytes_ = 0;  // 0: not written by this process, or a change has no note
    Fd journal_;
    std::size_t journal_bytes_ = 0;
    std::string unsaved_;  // notes
};

// Nothing when none was saved; corrupt when what is there cannot be read.
Result<std::optional<EdgeSnapshot>> load_snapshot(const std::string& state_dir);

// The cache's peers, beside the snapshot: written as that is.
Status save_peering(const Folder& folder, const CachePeering& peering);
// As load_snapshot().
Result<std::optional<CachePeering>> load_peering(const std::string& state_dir);

// All of its files, for whoever hands them to another user.
std::vector<std::string> snapshot_paths(const std::string& state_dir);

}  // namespace moln::edge_loop
