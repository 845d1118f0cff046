#include "store/sqlite_db.h"

#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <sqlite3.h>

#include "base/check.h"

namespace moln::sqlite {
namespace {

// A daemon that was just told to end may still hold the file for a moment.
constexpr int k_busy_wait_ms = 1000;

bool is_disk_full(int code, int saved_errno) {
    if ((code & 0xff) == SQLITE_FULL) return true;
    return (code & 0xff) == SQLITE_IOERR &&
           (saved_errno == ENOSPC || saved_errno == EDQUOT || saved_errno == EFBIG);
}

ErrorCode code_of(int code) {
    switch (code & 0xff) {
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
        case SQLITE_NOMEM:
        case SQLITE_IOERR: return ErrorCode::unavailable;
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB: return ErrorCode::corrupt;
        case SQLITE_READONLY:
        case SQLITE_PERM:
        case SQLITE_AUTH:
        case SQLITE_CANTOPEN: return ErrorCode::denied;
        default: return ErrorCode::internal;
    }
}

Error make_error(const std::string& path, sqlite3* db, int code) {
    const int saved_errno = db == nullptr ? 0 : sqlite3_system_errno(db);
    if (is_disk_full(code, saved_errno)) {
        return Error{ErrorCode::full,
                     fmt::format("the disk under {} is full: free some space and try again", path)};
    }
    auto reason = fmt::format("{}: {}", path, sqlite3_errstr(code));
    if (db != nullptr) reason = fmt::format("{}: {}", path, sqlite3_errmsg(db));
    const bool from_kernel = (code & 0xff) == SQLITE_IOERR || (code & 0xff) == SQLITE_CANTOPEN;
    if (from_kernel && saved_errno != 0) {
        reason += fmt::format(" ({})", std::strerror(saved_errno));
    }
    return Error{code_of(code), std::move(reason)};
}

}  // namespace

void Database::Close::operator()(sqlite3* db) const {
    // Statements are finalized before their Database dies: declare them after it.
    CHECK(sqlite3_close(db) == SQLITE_OK);
}

void Statement::Finalize::operator()(sqlite3_stmt* statement) const {
    // Gives the error of the last step again, which its caller has had already.
    (void)sqlite3_finalize(statement);
}

Error Database::error(int code) const {
    return make_error(path_, db_.get(), code);
}

Result<Database> Database::open(const std::string& path, OpenMode mode) {
    const int flags = mode == OpenMode::read_only ? SQLITE_OPEN_READONLY
                                                  : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    sqlite3* raw = nullptr;
    const int code = sqlite3_open_v2(path.c_str(), &raw,
                                     flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
    Database db(path, raw);
    if (code != SQLITE_OK) return fail(db.error(code));
    sqlite3_busy_timeout(raw, k_busy_wait_ms);
    sqlite3_db_config(raw, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    sqlite3_db_config(raw, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
    return db;
}

Status Database::run(const std::string& sql) {
    const int code = sqlite3_exec(db_.get(), sql.c_str(), nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) return fail(error(code));
    return {};
}

Result<Statement> Database::prepare(std::string_view sql) {
    sqlite3_stmt* raw = nullptr;
    const int code = sqlite3_prepare_v3(db_.get(), sql.data(), static_cast<int>(sql.size()),
                                        SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
    if (code != SQLITE_OK) return fail(error(code));
    Statement statement;
    statement.statement_.reset(raw);
    statement.path_ = path_;
    return statement;
}

Result<std::string> Database::text(const std::string& sql) {
    MOLN_ASSIGN(auto statement, prepare(sql));
    Query query(statement);
    MOLN_ASSIGN(const bool row, query.step());
    return row ? std::string(query.bytes(0)) : std::string();
}

Result<std::int64_t> Database::integer(const std::string& sql) {
    MOLN_ASSIGN(auto statement, prepare(sql));
    Query query(statement);
    MOLN_ASSIGN(const bool row, query.step());
    return row ? query.integer(0) : 0;
}

Status Database::set_checkpoint_on_close(CheckpointOnClose wanted) {
    const int off = wanted == CheckpointOnClose::off ? 1 : 0;
    const int code = sqlite3_db_config(db_.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, off, nullptr);
    if (code != SQLITE_OK) return fail(error(code));
    return {};
}

Query::~Query() {
    auto* raw = statement_.statement_.get();
    (void)sqlite3_reset(raw);  // gives the error of the last step again
    (void)sqlite3_clear_bindings(raw);
}

Query& Query::bind(int index, std::int64_t value) {
    const int code = sqlite3_bind_int64(statement_.statement_.get(), index, value);
    if (code != SQLITE_OK) bind_error_ = code;
    return *this;
}

Query& Query::bind(int index, std::string_view bytes) {
    // A null pointer would bind NULL, which is another value than no bytes.
    const char* data = bytes.data() == nullptr ? "" : bytes.data();
    const int code =
        sqlite3_bind_blob64(statement_.statement_.get(), index, data, bytes.size(), SQLITE_STATIC);
    if (code != SQLITE_OK) bind_error_ = code;
    return *this;
}

Query& Query::bind_text(int index, const std::string& text) {
    const int code = sqlite3_bind_text64(statement_.statement_.get(), index, text.data(),
                                         text.size(), SQLITE_STATIC, SQLITE_UTF8);
    if (code != SQLITE_OK) bind_error_ = code;
    return *this;
}

Result<bool> Query::step() {
    auto* raw = statement_.statement_.get();
    const int code = bind_error_ != 0 ? bind_error_ : sqlite3_step(raw);
    if (code == SQLITE_ROW) return true;
    if (code == SQLITE_DONE) return false;
    return fail(make_error(statement_.path_, sqlite3_db_handle(raw), code));
}

Status Query::finish() {
    while (true) {
        MOLN_ASSIGN(const bool row, step());
        if (!row) return {};
    }
}

std::int64_t Query::integer(int column) const {
    return sqlite3_column_int64(statement_.statement_.get(), column);
}

std::string_view Query::bytes(int column) const {
    auto* raw = statement_.statement_.get();
    const void* data = sqlite3_column_blob(raw, column);
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(raw, column));
    return data == nullptr ? std::string_view()
                           : std::string_view(static_cast<const char*>(data), size);
}

bool Query::is_null(int column) const {
    return sqlite3_column_type(statement_.statement_.get(), column) == SQLITE_NULL;
}

}  // namespace moln::sqlite
