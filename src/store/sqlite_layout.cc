#include "store/sqlite_layout.h"

#include <array>
#include <string>

#include <fmt/format.h>

#include "store/row_checksum.h"

namespace moln::sqlite {
namespace {

struct Table {
    std::string_view name;
    std::string_view sql;
};

constexpr std::array k_tables = {
    Table{"change",
          "CREATE TABLE change (revision INTEGER NOT NULL, ordinal INTEGER NOT NULL, "
          "key BLOB NOT NULL, value BLOB, checksum INTEGER NOT NULL, "
          "PRIMARY KEY (revision, ordinal)) WITHOUT ROWID"},
    Table{"entry",
          "CREATE TABLE entry (key BLOB NOT NULL PRIMARY KEY, value BLOB NOT NULL, "
          "create_revision INTEGER NOT NULL, mod_revision INTEGER NOT NULL, "
          "checksum INTEGER NOT NULL) WITHOUT ROWID"},
    Table{"state",
          "CREATE TABLE state (id INTEGER PRIMARY KEY, revision INTEGER NOT NULL, "
          "trimmed_to INTEGER NOT NULL, rows INTEGER NOT NULL, rows_sum INTEGER NOT NULL, "
          "checksum INTEGER NOT NULL)"},
};

std::int64_t wrapping_sum(std::int64_t a, std::int64_t b) {
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}

Status check_tables(Database& db) {
    MOLN_ASSIGN(auto statement, db.prepare("SELECT name, sql FROM sqlite_schema ORDER BY name"));
    Query query(statement);
    std::size_t seen = 0;
    while (true) {
        MOLN_ASSIGN(const bool row, query.step());
        if (!row) break;
        if (seen == k_tables.size() || query.bytes(0) != k_tables[seen].name ||
            query.bytes(1) != k_tables[seen].sql) {
            return damaged(db, "the description of its tables");
        }
        ++seen;
    }
    if (seen != k_tables.size()) return damaged(db, "the description of its tables");
    return {};
}

Status check_pages(Database& db) {
    MOLN_ASSIGN(const auto verdict, db.text("PRAGMA quick_check(1)"));
    if (verdict != "ok") return damaged(db, verdict);
    return {};
}

Status check_entries(Database& db, StoreState& counted) {
    MOLN_ASSIGN(auto statement,
                db.prepare("SELECT key, value, create_revision, mod_revision, checksum "
                           "FROM entry"));
    Query query(statement);
    while (true) {
        MOLN_ASSIGN(const bool row, query.step());
        if (!row) return {};
        if (query.integer(4) !=
            entry_checksum(query.bytes(0), query.bytes(1), query.integer(2), query.integer(3))) {
            return damaged(db, "the value of a key");
        }
        counted.add_row(query.integer(4));
    }
}

Status check_changes(Database& db, StoreState& counted) {
    MOLN_ASSIGN(auto statement,
                db.prepare("SELECT revision, ordinal, key, value, checksum FROM change"));
    Query query(statement);
    while (true) {
        MOLN_ASSIGN(const bool row, query.step());
        if (!row) return {};
        const auto value =
            query.is_null(3) ? std::optional<std::string_view>() : std::optional(query.bytes(3));
        if (query.integer(4) !=
            change_checksum(query.integer(0), query.integer(1), query.bytes(2), value)) {
            return damaged(db, "a row of the history");
        }
        counted.add_row(query.integer(4));
    }
}

}  // namespace

void StoreState::add_row(std::int64_t checksum) {
    ++rows;
    rows_sum = wrapping_sum(rows_sum, checksum);
}

void StoreState::remove_row(std::int64_t checksum) {
    --rows;
    // Adding the two's complement subtracts, modulo 2^64.
    rows_sum = wrapping_sum(wrapping_sum(rows_sum, ~checksum), 1);
}

std::int64_t StoreState::checksum() const {
    return RowChecksum().add(revision).add(trimmed_to).add(rows).add(rows_sum).value();
}

std::int64_t entry_checksum(std::string_view key, std::string_view value,
                            std::int64_t create_revision, std::int64_t mod_revision) {
    return RowChecksum().add(key).add(value).add(create_revision).add(mod_revision).value();
}

std::int64_t change_checksum(std::int64_t revision, std::int64_t ordinal, std::string_view key,
                             const std::optional<std::string_view>& value) {
    return RowChecksum().add(revision).add(ordinal).add(key).add_optional(value).value();
}

std::unexpected<Error> damaged(const Database& db, std::string_view what) {
    return fail(
        ErrorCode::corrupt,
        fmt::format("the store {} is damaged: {} is not what was written", db.path(), what));
}

Result<bool> is_blank(Database& db) {
    MOLN_ASSIGN(const auto tables, db.integer("SELECT count(*) FROM sqlite_schema"));
    MOLN_ASSIGN(const auto id, db.integer("PRAGMA application_id"));
    MOLN_ASSIGN(const auto version, db.integer("PRAGMA user_version"));
    return tables == 0 && id == 0 && version == 0;
}

Status create_tables(Database& db) {
    std::string sql = fmt::format(
        "BEGIN IMMEDIATE; PRAGMA application_id = {};"
        "PRAGMA user_version = {};",
        k_application_id, k_schema_version);
    for (const auto& table : k_tables) sql += fmt::format("{};", table.sql);
    sql += fmt::format("INSERT INTO state VALUES (1, 0, 0, 0, 0, {}); COMMIT",
                       StoreState{}.checksum());
    return db.run(sql);
}

Status check_header(Database& db) {
    MOLN_ASSIGN(const auto id, db.integer("PRAGMA application_id"));
    if (id != k_application_id) {
        return fail(ErrorCode::invalid,
                    fmt::format("{} is not a store of Moln but another SQLite database; nothing "
                                "was changed",
                                db.path()));
    }
    MOLN_ASSIGN(const auto version, db.integer("PRAGMA user_version"));
    if (version > k_schema_version) {
        return fail(ErrorCode::refused,
                    fmt::format("the store {} was written by a newer Moln (format {}, this one "
                                "knows up to {}); nothing was changed: start the newer Moln again",
                                db.path(), version, k_schema_version));
    }
    if (version < 1) return damaged(db, "its format number");
    return {};
}

Result<StoreState> read_state(Database& db, Statement& select_state) {
    Query query(select_state);
    MOLN_ASSIGN(const bool row, query.step());
    if (!row) return damaged(db, "its revision");
    const StoreState state{.revision = query.integer(0),
                           .trimmed_to = query.integer(1),
                           .rows = query.integer(2),
                           .rows_sum = query.integer(3)};
    if (query.integer(4) != state.checksum()) return damaged(db, "its revision");
    return state;
}

Result<StoreState> verify(Database& db) {
    MOLN_TRY(check_tables(db));
    MOLN_TRY(check_pages(db));
    MOLN_ASSIGN(auto select_state, db.prepare(k_select_state));
    MOLN_ASSIGN(const auto state, read_state(db, select_state));
    StoreState counted;
    MOLN_TRY(check_entries(db, counted));
    MOLN_TRY(check_changes(db, counted));
    if (counted.rows != state.rows || counted.rows_sum != state.rows_sum) {
        return damaged(db, "the set of its rows");
    }
    return state;
}

}  // namespace moln::sqlite
