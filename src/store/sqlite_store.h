// The Store of one node: a SQLite file in WAL mode with synchronous=FULL, so that a commit that
// returned survives power loss. One process at a time has it open. Every row is checksummed and
// all of them are proved when it is opened.
//
// Beside `path` lie `path-wal` (SQLite's log), `path-revision` (see revision_mark.h) and
// `path.copy-1`, `path.copy-2`: verified whole copies, made by commit() itself, the older replaced.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "ports/store.h"

namespace moln {

inline constexpr std::int64_t k_store_commits_per_copy = 1000;      // of a store up to 10,000 rows,
inline constexpr std::int64_t k_store_rows_per_copied_commit = 10;  // else rows divided by this
inline constexpr std::int64_t k_store_seconds_per_copy = 3600;      // if anything was committed
inline constexpr int k_store_copies = 2;

class SqliteStore : public Store {
public:
    // A whole verified copy at `path`, replacing what is there. The file appears complete or
    // not at all.
    virtual Status copy_to(const std::string& path) = 0;

    // Why the last automatic copy failed, none if it did not. A failed copy is tried again after
    // as many commits, and never fails the commit.
    virtual std::optional<Error> copy_error() const = 0;
};

// Makes missing directories (0700) and the file (0600). Errors: `refused` when another process has
// it open or a newer Moln wrote it; `corrupt` when it is damaged, with the words for the user on
// how to recover, and then not a byte of it was changed; `full`, `denied`, `invalid`.
Result<std::unique_ptr<SqliteStore>> open_sqlite_store(const std::string& path);

}  // namespace moln
