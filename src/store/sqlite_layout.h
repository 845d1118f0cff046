// The tables of the SQLite store, their making and the proof that they hold what was written.
//
//   entry   what is there now: key -> value with its revisions
//   change  what was done: the last k_store_history_revisions revisions, in order
//   state   one row: the store's revision, where the history begins, and the number and the sum
//           of the checksums of all rows of both tables, so that a lost row is noticed too
//
// Keys and values are BLOBs: compared and kept byte by byte. Read them by hand with
//   SELECT CAST(key AS TEXT), CAST(value AS TEXT) FROM entry;
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "store/sqlite_db.h"

namespace moln::sqlite {

inline constexpr std::int64_t k_application_id = 0x4d6f6c6e;  // "Moln"
inline constexpr std::int64_t k_schema_version = 1;

struct StoreState {
    std::int64_t revision = 0;
    std::int64_t trimmed_to = 0;  // changes of this revision and below are gone
    std::int64_t rows = 0;
    std::int64_t rows_sum = 0;  // modulo 2^64

    void add_row(std::int64_t checksum);
    void remove_row(std::int64_t checksum);
    std::int64_t checksum() const;
};

std::int64_t entry_checksum(std::string_view key, std::string_view value,
                            std::int64_t create_revision, std::int64_t mod_revision);
std::int64_t change_checksum(std::int64_t revision, std::int64_t ordinal, std::string_view key,
                             const std::optional<std::string_view>& value);

// True for a file in which nothing was ever made.
Result<bool> is_blank(Database& db);
Status create_tables(Database& db);

// `refused` for a file of a newer Moln, `invalid` for a database of something else.
Status check_header(Database& db);

// Reads everything: structure, every row's checksum, their number and sum. Changes nothing.
Result<StoreState> verify(Database& db);

// The `state` row; `corrupt` if it is missing or damaged.
Result<StoreState> read_state(Database& db, Statement& select_state);
inline constexpr std::string_view k_select_state =
    "SELECT revision, trimmed_to, rows, rows_sum, checksum FROM state WHERE id = 1";

std::unexpected<Error> damaged(const Database& db, std::string_view what);

}  // namespace moln::sqlite
