// The files around the SQLite store: directory, copies, and the words for the user whose store
// is damaged.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "store/sqlite_db.h"

namespace moln {

// Makes the directories of `path` (0700, parents too) and an empty file (0600) if there is none.
Status make_store_file(const std::string& path);

// Copies the open database to `path`, proves the copy and syncs it. All or nothing.
Status copy_database(sqlite::Database& db, const std::string& path);

// Which of the automatic copies of `path` is the newest, and which is to be replaced next.
std::optional<std::string> newest_copy(const std::string& path);
std::string next_copy(const std::string& path);

// `error` (of code corrupt) with what to do now.
Error with_recovery(const std::string& path, const Error& error);

}  // namespace moln
