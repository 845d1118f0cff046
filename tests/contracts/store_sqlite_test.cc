// The SQLite store passes the contract; and what only it promises: files and their modes, one
// opener, copies, format numbers.
#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "contracts/store_contract.h"
#include "io/file/temp_dir_for_test.h"
#include "store/sqlite_store.h"
#include "store/store_files.h"

namespace moln {
namespace {

namespace fs = std::filesystem;

class SqliteCase final : public StoreCase {
public:
    SqliteCase() { open(); }
    Store& store() override { return *store_; }
    void reopen() override {
        store_.reset();
        open();
    }

private:
    void open() {
        auto opened = open_sqlite_store(dir_.path() + "/store/moln.db");
        if (!opened) throw std::runtime_error(opened.error().reason);
        store_ = std::move(*opened);
    }
    TempDir dir_{TempMedium::memory};
    std::unique_ptr<SqliteStore> store_;
};

std::unique_ptr<StoreCase> make_sqlite_case() {
    return std::make_unique<SqliteCase>();
}

INSTANTIATE_TEST_SUITE_P(Sqlite, StoreContract, testing::Values(make_sqlite_case));

StoreTxn put(const std::string& key, const std::string& value) {
    return StoreTxn{.compares = {}, .writes = {{.key = key, .value = value}}};
}

unsigned mode_of(const std::string& path) {
    struct stat info{};
    EXPECT_EQ(::stat(path.c_str(), &info), 0) << path;
    return info.st_mode & 0777u;
}

void run_sql(const std::string& path, const char* sql) {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(path.c_str(), &db), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(db, sql, nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(db);
    EXPECT_EQ(sqlite3_close(db), SQLITE_OK);
}

TEST(SqliteStore, makes_directories_and_files_for_the_owner_alone) {
    const TempDir dir;
    const auto path = dir.path() + "/data/store/moln.db";
    auto store = open_sqlite_store(path).value();
    ASSERT_TRUE(store->commit(put("a", "1")));
    ASSERT_TRUE(store->copy_to(path + ".copy-1"));
    EXPECT_EQ(mode_of(dir.path() + "/data"), 0700u);
    EXPECT_EQ(mode_of(dir.path() + "/data/store"), 0700u);
    for (const char* suffix : {"", "-wal", "-revision", ".copy-1"}) {
        EXPECT_EQ(mode_of(path + suffix), 0600u) << suffix;
    }
}

TEST(SqliteStore, a_second_opener_in_this_process_is_refused) {
    const TempDir dir;
    const auto path = dir.path() + "/moln.db";
    auto first = open_sqlite_store(path).value();
    const auto second = open_sqlite_store(path);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, ErrorCode::refused);
    EXPECT_NE(second.error().reason.find("another Moln daemon"), std::string::npos);
    EXPECT_TRUE(first->commit(put("a", "1")));
}

TEST(SqliteStore, a_second_opener_in_another_process_is_refused_until_the_first_ends) {
    const TempDir dir;
    const auto path = dir.path() + "/moln.db";
    auto first = open_sqlite_store(path).value();
    const auto open_in_child = [&] {
        const auto pid = ::fork();
        if (pid == 0) {
            const auto opened = open_sqlite_store(path);
            ::_exit(opened ? 0 : 1 + static_cast<int>(opened.error().code));
        }
        int status = 0;
        EXPECT_EQ(::waitpid(pid, &status, 0), pid);
        return WEXITSTATUS(status);
    };
    EXPECT_EQ(open_in_child(), 1 + static_cast<int>(ErrorCode::refused));
    first.reset();
    EXPECT_EQ(open_in_child(), 0);
}

TEST(SqliteStore, a_newer_format_is_refused_and_left_alone) {
    const TempDir dir;
    const auto path = dir.path() + "/moln.db";
    ASSERT_TRUE(open_sqlite_store(path).value()->commit(put("a", "1")));
    run_sql(path, "PRAGMA user_version = 2");
    const auto opened = open_sqlite_store(path);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, ErrorCode::refused);
    EXPECT_NE(opened.error().reason.find("newer Moln"), std::string::npos);
    run_sql(path, "PRAGMA user_version = 1");
    EXPECT_TRUE(open_sqlite_store(path));
}

TEST(SqliteStore, a_database_of_something_else_is_refused) {
    const TempDir dir;
    const auto path = dir.path() + "/moln.db";
    run_sql(path, "CREATE TABLE bookmarks (url TEXT)");
    const auto opened = open_sqlite_store(path);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, ErrorCode::invalid);
}

TEST(SqliteStore, a_lost_file_is_noticed_and_not_begun_anew) {
    const TempDir dir;
    const auto path = dir.path() + "/moln.db";
    ASSERT_TRUE(open_sqlite_store(path).value()->commit(put("a", "1")));
    fs::remove(path);
    const auto opened = open_sqlite_store(path);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, ErrorCode::corrupt);
}

TEST(SqliteStore, a_copy_opens_as_a_store_with_the_same_content) {
    const TempDir dir;
    auto store = open_sqlite_store(dir.path() + "/moln.db").value();
    for (int i = 0; i < 50; ++i) ASSERT_TRUE(store->commit(put(std::to_string(i % 7), "v")));
    const auto copy = dir.path() + "/copy.db";
    ASSERT_TRUE(store->copy_to(copy));
    ASSERT_TRUE(store->commit(put("later", "v")));
    auto copied = open_sqlite_store(copy).value();
    EXPECT_EQ(copied->range("").value().revision, 50);
    EXPECT_EQ(copied->range("").value().entries.size(), 7u);
    EXPECT_EQ(copied->changes("", 0, 100).value().size(), 50u);
}

TEST(SqliteStore, a_copy_made_under_a_clock_that_was_ahead_is_the_first_to_be_replaced) {
    TempDir dir;
    const auto path = dir.path() + "/moln.db";
    for (int number = 1; number <= k_store_copies; ++number) {
        const auto copy = fmt::format("{}.copy-{}", path, number);
        std::ofstream(copy) << "a copy";
        fs::last_write_time(copy, fs::file_time_type::clock::now() - std::chrono::hours(number));
    }
    EXPECT_EQ(newest_copy(path), path + ".copy-1");
    EXPECT_EQ(next_copy(path), path + ".copy-2");
    fs::last_write_time(path + ".copy-1",
                        fs::file_time_type::clock::now() + std::chrono::hours(24));
    EXPECT_EQ(newest_copy(path), path + ".copy-2");
    EXPECT_EQ(next_copy(path), path + ".copy-1");
}

TEST(SqliteStore, a_copy_that_cannot_be_made_says_so_and_leaves_the_old_one) {
    const TempDir dir;
    auto store = open_sqlite_store(dir.path() + "/moln.db").value();
    EXPECT_FALSE(store->copy_to(dir.path() + "/no/such/directory/copy.db"));
    EXPECT_TRUE(store->commit(put("a", "1")));
}

TEST(SqliteStore, copies_itself_after_so_many_commits_and_keeps_two) {
    const TempDir dir(TempMedium::memory);
    const auto path = dir.path() + "/moln.db";
    auto store = open_sqlite_store(path).value();
    const auto commit_until = [&](std::int64_t last) {
        for (auto i = store->range("").value().revision; i < last; ++i) {
            ASSERT_TRUE(store->commit(put("a", std::to_string(i))));
        }
    };
    commit_until(k_store_commits_per_copy - 1);
    EXPECT_FALSE(fs::exists(path + ".copy-1"));
    commit_until(k_store_commits_per_copy * 3);
    EXPECT_EQ(store->copy_error(), std::nullopt);
    store.reset();
    // The third replaced the first.
    EXPECT_EQ(open_sqlite_store(path + ".copy-1").value()->range("").value().revision,
              k_store_commits_per_copy * 3);
    EXPECT_EQ(open_sqlite_store(path + ".copy-2").value()->range("").value().revision,
              k_store_commits_per_copy * 2);
    EXPECT_FALSE(fs::exists(path + ".copy-3"));
}

TEST(SqliteStore, following_the_words_of_the_damage_error_brings_the_copy_back) {
    const TempDir dir;
    const auto path = dir.path() + "/moln.db";
    {
        auto store = open_sqlite_store(path).value();
        ASSERT_TRUE(store->commit(put("kept", "1")));
        ASSERT_TRUE(store->copy_to(path + ".copy-1"));
        ASSERT_TRUE(store->commit(put("later", "1")));
    }
    std::ofstream(path, std::ios::in | std::ios::out).seekp(0).write("garbage!", 8);
    const auto reason = open_sqlite_store(path).error().reason;
    const auto at = reason.find("mkdir ");
    ASSERT_NE(at, std::string::npos) << reason;
    ASSERT_EQ(std::system(reason.substr(at).c_str()), 0) << reason;
    auto store = open_sqlite_store(path).value();
    EXPECT_TRUE(store->get("kept").value());
    EXPECT_FALSE(store->get("later").value());
}

}  // namespace
}  // namespace moln
