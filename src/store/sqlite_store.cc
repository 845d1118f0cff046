#include "store/sqlite_store.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>
#include <sys/stat.h>

#include "store/revision_mark.h"
#include "store/sqlite_layout.h"
#include "store/store_files.h"
#include "store/txn_check.h"

namespace moln {
namespace {

using sqlite::Database;
using sqlite::Query;
using sqlite::Statement;
using sqlite::StoreState;

struct Statements {
    Statement begin, commit, rollback;
    Statement select_state, update_state;
    Statement select_entry, select_range, upsert_entry, delete_entry;
    Statement insert_change, select_changes, trim_changes;
};

Result<Statements> prepare_all(Database& db) {
    Statements all;
    const std::pair<Statement*, std::string_view> table[] = {
        {&all.begin, "BEGIN IMMEDIATE"},
        {&all.commit, "COMMIT"},
        {&all.rollback, "ROLLBACK"},
        {&all.select_state, sqlite::k_select_state},
        {&all.update_state,
         "UPDATE state SET revision = ?1, trimmed_to = ?2, rows = ?3, rows_sum = ?4, "
         "checksum = ?5 WHERE id = 1"},
        {&all.select_entry,
         "SELECT key, value, create_revision, mod_revision, checksum FROM entry WHERE key = ?1"},
        // ?2 is NULL when nothing lies above the prefix.
        {&all.select_range,
         "SELECT key, value, create_revision, mod_revision, checksum FROM entry "
         "WHERE key >= ?1 AND (?2 IS NULL OR key < ?2) ORDER BY key"},
        {&all.upsert_entry, "REPLACE INTO entry VALUES (?1, ?2, ?3, ?4, ?5)"},
        {&all.delete_entry, "DELETE FROM entry WHERE key = ?1"},
        {&all.insert_change, "INSERT INTO change VALUES (?1, ?2, ?3, ?4, ?5)"},
        {&all.select_changes,
         "SELECT revision, ordinal, key, value, checksum FROM change WHERE revision > ?1 "
         "ORDER BY revision, ordinal"},
        {&all.trim_changes, "DELETE FROM change WHERE revision <= ?1 RETURNING checksum"},
    };
    for (const auto& [statement, sql] : table) {
        MOLN_ASSIGN(*statement, db.prepare(sql));
    }
    return all;
}

Result<StoreEntry> entry_of(const Database& db, const Query& row) {
    StoreEntry entry{.key = std::string(row.bytes(0)),
                     .value = std::string(row.bytes(1)),
                     .create_revision = row.integer(2),
                     .mod_revision = row.integer(3)};
    if (row.integer(4) !=
        sqlite::entry_checksum(entry.key, entry.value, entry.create_revision, entry.mod_revision)) {
        return sqlite::damaged(db, "the value of a key");
    }
    return entry;
}

class SqliteFileStore final : public SqliteStore {
public:
    SqliteFileStore(Database db, Statements statements, RevisionMark mark)
        : db_(std::move(db)), run_(std::move(statements)), mark_(std::move(mark)) {}

    Result<std::optional<StoreEntry>> get(const std::string& key) override;
    Result<StoreSnapshot> range(const std::string& prefix) override;
    Result<std::int64_t> commit(const StoreTxn& txn) override;
    Result<std::vector<StoreChange>> changes(const std::string& prefix, std::int64_t after,
                                             std::size_t limit) override;
    Status copy_to(const std::string& path) override { return copy_database(db_, path); }
    std::optional<Error> copy_error() const override { return copy_error_; }

private:
    Status finish(Statement& statement) { return Query(statement).finish(); }
    Result<StoreState> state() { return sqlite::read_state(db_, run_.select_state); }
    Status check_compares(const StoreTxn& txn);
    Result<std::int64_t> write_all(const StoreTxn& txn);
    Result<bool> apply(const StoreWrite& write, std::int64_t ordinal, StoreState& state);
    Status put(const StoreWrite& write, std::int64_t create_revision, StoreState& state);
    Status trim(StoreState& state);
    Status save(const StoreState& state);
    Result<std::int64_t> commit_once(const StoreTxn& txn);
    void copy_when_due();

    Database db_;
    Statements run_;  // after db_: finalized before it is closed
    RevisionMark mark_;
    std::int64_t rows_ = 0;  // about: of the last transaction that was tried
    std::int64_t commits_since_copy_ = 0;
    std::chrono::steady_clock::time_point copied_at_ = std::chrono::steady_clock::now();
    std::optional<Error> copy_error_;
};

Result<std::optional<StoreEntry>> SqliteFileStore::get(const std::string& key) {
    MOLN_TRY(check_key(key));
    Query query(run_.select_entry);
    query.bind(1, key);
    MOLN_ASSIGN(const bool row, query.step());
    if (!row) return std::optional<StoreEntry>{};
    MOLN_ASSIGN(auto entry, entry_of(db_, query));
    return std::optional<StoreEntry>{std::move(entry)};
}

Result<StoreSnapshot> SqliteFileStore::range(const std::string& prefix) {
    MOLN_TRY(check_prefix(prefix));
    // No transaction around the two reads: nobody else can write between them.
    MOLN_ASSIGN(const auto now, state());
    StoreSnapshot snapshot{.revision = now.revision, .entries = {}};
    const auto end = prefix_end(prefix);
    Query query(run_.select_range);
    query.bind(1, prefix);
    if (!end.empty()) query.bind(2, end);
    while (true) {
        MOLN_ASSIGN(const bool row, query.step());
        if (!row) return snapshot;
        MOLN_ASSIGN(auto entry, entry_of(db_, query));
        snapshot.entries.push_back(std::move(entry));
    }
}

Status SqliteFileStore::check_compares(const StoreTxn& txn) {
    for (const auto& compare : txn.compares) {
        Query query(run_.select_entry);
        query.bind(1, compare.key);
        MOLN_ASSIGN(const bool row, query.step());
        const auto mod_revision = row ? query.integer(3) : 0;
        if (mod_revision != compare.mod_revision) return lost_compare(compare, mod_revision);
    }
    return {};
}

Status SqliteFileStore::put(const StoreWrite& write, std::int64_t create_revision,
                            StoreState& state) {
    const auto checksum =
        sqlite::entry_checksum(write.key, *write.value, create_revision, state.revision);
    Query query(run_.upsert_entry);
    query.bind(1, write.key).bind(2, *write.value).bind(3, create_revision);
    query.bind(4, state.revision).bind(5, checksum);
    MOLN_TRY(query.finish());
    state.add_row(checksum);
    return {};
}

// False if it was the deletion of a key that is not there: that is no change.
Result<bool> SqliteFileStore::apply(const StoreWrite& write, std::int64_t ordinal,
                                    StoreState& state) {
    std::int64_t create_revision = state.revision;
    {
        Query query(run_.select_entry);
        query.bind(1, write.key);
        MOLN_ASSIGN(const bool row, query.step());
        if (!row && !write.value) return false;
        if (row) {
            create_revision = query.integer(2);
            state.remove_row(query.integer(4));
        }
    }
    if (write.value) {
        MOLN_TRY(put(write, create_revision, state));
    } else {
        Query query(run_.delete_entry);
        MOLN_TRY(query.bind(1, write.key).finish());
    }
    const auto checksum = sqlite::change_checksum(state.revision, ordinal, write.key, write.value);
    Query query(run_.insert_change);
    query.bind(1, state.revision).bind(2, ordinal).bind(3, write.key);
    if (write.value) query.bind(4, *write.value);
    MOLN_TRY(query.bind(5, checksum).finish());
    state.add_row(checksum);
    return true;
}

Status SqliteFileStore::trim(StoreState& state) {
    const auto trimmed_to = state.revision - k_store_history_revisions;
    if (trimmed_to <= state.trimmed_to) return {};
    Query query(run_.trim_changes);
    query.bind(1, trimmed_to);
    while (true) {
        MOLN_ASSIGN(const bool row, query.step());
        if (!row) break;
        state.remove_row(query.integer(0));
    }
    state.trimmed_to = trimmed_to;
    return {};
}

Status SqliteFileStore::save(const StoreState& state) {
    rows_ = state.rows;
    Query query(run_.update_state);
    query.bind(1, state.revision).bind(2, state.trimmed_to).bind(3, state.rows);
    return query.bind(4, state.rows_sum).bind(5, state.checksum()).finish();
}

Result<std::int64_t> SqliteFileStore::write_all(const StoreTxn& txn) {
    MOLN_TRY(check_compares(txn));
    MOLN_ASSIGN(auto next, state());
    const auto before = next.revision;
    ++next.revision;
    std::int64_t ordinal = 0;
    for (const auto& write : txn.writes) {
        MOLN_ASSIGN(const bool changed, apply(write, ordinal, next));
        if (changed) ++ordinal;
    }
    if (ordinal == 0) return before;
    MOLN_TRY(trim(next));
    MOLN_TRY(save(next));
    return next.revision;
}

Result<std::int64_t> SqliteFileStore::commit_once(const StoreTxn& txn) {
    MOLN_TRY(finish(run_.begin));
    auto revision = write_all(txn);
    if (revision) {
        if (auto status = finish(run_.commit); !status) revision = fail(status.error());
    }
    if (!revision) {
        // Fails if SQLite has rolled back already, as it does when the disk is full.
        (void)finish(run_.rollback);
        return revision;
    }
    mark_.write(*revision);
    return revision;
}

Result<std::int64_t> SqliteFileStore::commit(const StoreTxn& txn) {
    MOLN_TRY(check_txn(txn));
    auto revision = commit_once(txn);
    if (revision) copy_when_due();
    return revision;
}

void SqliteFileStore::copy_when_due() {
    ++commits_since_copy_;
    const auto now = std::chrono::steady_clock::now();
    // A copy reads and writes every row: a large store is copied as much less often.
    const auto commits_per_copy =
        std::max(k_store_commits_per_copy, rows_ / k_store_rows_per_copied_commit);
    if (commits_since_copy_ < commits_per_copy &&
        now - copied_at_ < std::chrono::seconds(k_store_seconds_per_copy)) {
        return;
    }
    commits_since_copy_ = 0;
    copied_at_ = now;
    const auto status = copy_to(next_copy(db_.path()));
    copy_error_ = status ? std::nullopt : std::optional(status.error());
}

Result<std::vector<StoreChange>> SqliteFileStore::changes(const std::string& prefix,
                                                          std::int64_t after, std::size_t limit) {
    MOLN_TRY(check_prefix(prefix));
    MOLN_TRY(check_after(after));
    MOLN_ASSIGN(const auto now, state());
    if (after < now.trimmed_to) return history_gone(after, now.trimmed_to);
    std::vector<StoreChange> found;
    std::size_t revisions = 0;
    Query query(run_.select_changes);
    query.bind(1, after);
    while (true) {
        MOLN_ASSIGN(const bool row, query.step());
        if (!row) return found;
        if (!query.bytes(2).starts_with(prefix)) continue;
        const auto value =
            query.is_null(3) ? std::optional<std::string_view>() : std::optional(query.bytes(3));
        const auto revision = query.integer(0);
        if (query.integer(4) !=
            sqlite::change_checksum(revision, query.integer(1), query.bytes(2), value)) {
            return sqlite::damaged(db_, "a row of the history");
        }
        if (found.empty() || found.back().revision != revision) {
            if (revisions == limit) return found;
            ++revisions;
        }
        found.push_back({.revision = revision, .key = std::string(query.bytes(2)), .value = {}});
        if (value) found.back().value = std::string(*value);
    }
}

// Opening -----------------------------------------------------------------------------------------

// Twice what the log has when it is usually copied into the file, after 1000 pages of 4 KiB.
constexpr std::int64_t k_log_bytes_kept_max = 8 << 20;

// The lock is taken by the first read and kept until the file is closed.
Status lock_database(Database& db) {
    MOLN_TRY(db.set_checkpoint_on_close(Database::CheckpointOnClose::off));
    MOLN_TRY(db.run("PRAGMA locking_mode = EXCLUSIVE; PRAGMA cell_size_check = ON"));
    auto status = db.run("SELECT count(*) FROM sqlite_schema");
    if (!status && status.error().code == ErrorCode::unavailable) {
        return fail(ErrorCode::refused,
                    fmt::format("the store {} is in use: another Moln daemon runs on this data "
                                "directory; stop it first or choose another with --data",
                                db.path()));
    }
    return status;
}

Status check_revision(const Database& db, std::int64_t revision, std::int64_t acknowledged) {
    if (revision >= acknowledged) return {};
    return fail(ErrorCode::corrupt,
                fmt::format("the store {} is damaged: it holds revision {} but revision {} was "
                            "written (its log {}-wal is cut short or the file is an older one)",
                            db.path(), revision, acknowledged, db.path()));
}

Status prove(Database& db, const RevisionMark& mark) {
    MOLN_ASSIGN(const bool blank, is_blank(db));
    if (blank) return check_revision(db, 0, mark.read());
    MOLN_TRY(sqlite::check_header(db));
    MOLN_ASSIGN(const auto state, sqlite::verify(db));
    return check_revision(db, state.revision, mark.read());
}

Status make_ready(Database& db) {
    MOLN_ASSIGN(const bool blank, is_blank(db));
    MOLN_ASSIGN(const auto mode, db.text("PRAGMA journal_mode = WAL"));
    if (mode != "wal") {
        return fail(ErrorCode::internal,
                    fmt::format("the store {} cannot use a write-ahead log on this file system",
                                db.path()));
    }
    MOLN_TRY(db.run("PRAGMA synchronous = FULL"));
    // One large transaction does not leave its log behind for ever.
    MOLN_TRY(db.run(fmt::format("PRAGMA journal_size_limit = {}", k_log_bytes_kept_max)));
    if (blank) MOLN_TRY(sqlite::create_tables(db));
    return db.set_checkpoint_on_close(Database::CheckpointOnClose::on);
}

// What SQLite cannot even describe (a damaged schema, an impossible value) is damage too.
Error as_damage(const std::string& path, const Error& error) {
    if (error.code == ErrorCode::internal) {
        return with_recovery(path,
                             Error{ErrorCode::corrupt, "the store is damaged: " + error.reason});
    }
    return error.code == ErrorCode::corrupt ? with_recovery(path, error) : error;
}

}  // namespace

Result<std::unique_ptr<SqliteStore>> open_sqlite_store(const std::string& path) {
    MOLN_TRY(make_store_file(path));
    MOLN_ASSIGN(auto db, Database::open(path, sqlite::OpenMode::read_write));
    if (auto status = lock_database(db); !status) return fail(as_damage(path, status.error()));
    MOLN_ASSIGN(auto mark, RevisionMark::open(path + "-revision"));
    if (auto status = prove(db, mark); !status) return fail(as_damage(path, status.error()));
    MOLN_TRY(make_ready(db));
    MOLN_ASSIGN(auto statements, prepare_all(db));
    return std::make_unique<SqliteFileStore>(std::move(db), std::move(statements), std::move(mark));
}

}  // namespace moln
