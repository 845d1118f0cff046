// SQLite's C interface with owners: a connection, a prepared statement, one run of it. Errors
// become Errors that say which file. Knows nothing of what is stored.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace moln::sqlite {

enum class OpenMode { read_only, read_write };

class Statement;

class Database {
public:
    // `read_write` creates an empty file. The file is not yet touched by this call.
    static Result<Database> open(const std::string& path, OpenMode mode);

    const std::string& path() const { return path_; }

    // One statement without parameters; rows are dropped.
    Status run(const std::string& sql);
    Result<std::string> text(const std::string& sql);      // first column of the first row
    Result<std::int64_t> integer(const std::string& sql);  // same; 0 if there is no row
    Result<Statement> prepare(std::string_view sql);

    // Off: closing changes no byte of the file, also when a log waits to be copied into it.
    enum class CheckpointOnClose { off, on };
    Status set_checkpoint_on_close(CheckpointOnClose wanted);

    Error error(int code) const;

private:
    struct Close {
        void operator()(sqlite3* db) const;
    };
    Database(std::string path, sqlite3* db) : path_(std::move(path)), db_(db) {}

    std::string path_;
    std::unique_ptr<sqlite3, Close> db_;
};

class Statement {
public:
    Statement() = default;

private:
    friend class Database;
    friend class Query;
    struct Finalize {
        void operator()(sqlite3_stmt* statement) const;
    };
    std::unique_ptr<sqlite3_stmt, Finalize> statement_;
    std::string path_;
};

// One run of a statement; the statement is free again when this ends. Bound text must outlive it.
class Query {
public:
    explicit Query(Statement& statement) : statement_(statement) {}
    Query(const Query&) = delete;
    Query& operator=(const Query&) = delete;
    ~Query();

    Query& bind(int index, std::int64_t value);
    Query& bind(int index, std::string_view bytes);  // unbound parameters are NULL

    Query& bind_text(int index, const std::string& text);

    // True: there is a row. Views of its columns live until the next step.
    Result<bool> step();
    // Steps to the end; for statements whose rows do not matter.
    Status finish();

    std::int64_t integer(int column) const;
    std::string_view bytes(int column) const;
    bool is_null(int column) const;

private:
    Statement& statement_;
    int bind_error_ = 0;
};

}  // namespace moln::sqlite
