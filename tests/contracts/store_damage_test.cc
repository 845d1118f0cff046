// What the SQLite store promises about a bad world: killed at any moment, damaged files, a full
// disk. Each case works on real files and real processes.
#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <random>

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/file/temp_dir_for_test.h"
#include "store/sqlite_store.h"

namespace moln {
namespace {

namespace fs = std::filesystem;

// Runs `work` in a process of its own, which then ends without any destructor.
pid_t fork_for(const std::function<int()>& work) {
    const auto pid = ::fork();
    if (pid == 0) ::_exit(work());
    return pid;
}
int exit_code_of(pid_t pid) {
    int status = 0;
    EXPECT_EQ(::waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

StoreTxn numbered(std::int64_t number) {
    const auto text = std::to_string(number);
    return StoreTxn{
        .compares = {},
        .writes = {{.key = "a", .value = text},
                   {.key = fmt::format("log/{:06}", number),
                    .value = text + std::string(static_cast<std::size_t>(number % 7) * 900, '.')},
                   {.key = "b", .value = text}}};
}

// ---- killed -------------------------------------------------------------------------------------

// Commits numbers from where the store is, and writes each to the pipe when it is acknowledged.
int commit_for_ever(const std::string& path, int acknowledged) {
    auto store = open_sqlite_store(path);
    if (!store) return 1;
    for (auto number = (*store)->range("x").value().revision + 1;; ++number) {
        if (!(*store)->commit(numbered(number))) return 2;
        if (::write(acknowledged, &number, sizeof number) != sizeof number) return 3;
    }
}

TEST(StoreKilled, at_any_moment_loses_nothing_acknowledged_and_halves_nothing) {
    const TempDir dir;
    const auto path = dir.path() + "/moln.db";
    std::mt19937 random(20261122);  // NOLINT: the moments differ anyway, by the machine's timing
    std::int64_t acknowledged = 0;
    for (int round = 0; round < 15; ++round) {
        int ends[2];
        ASSERT_EQ(::pipe(ends), 0);
        const auto pid = fork_for([&] { return commit_for_ever(path, ends[1]); });
        ::close(ends[1]);
        const auto stop_at = acknowledged + static_cast<std::int64_t>(random() % 60);
        while (acknowledged <= stop_at &&
               ::read(ends[0], &acknowledged, sizeof acknowledged) == sizeof acknowledged) {
        }
        // A moment within a commit, not only right after one.
        const auto kill_at =
            std::chrono::steady_clock::now() + std::chrono::microseconds(random() % 2000);
        while (std::chrono::steady_clock::now() < kill_at) {
        }
        ASSERT_EQ(::kill(pid, SIGKILL), 0);
        while (::read(ends[0], &acknowledged, sizeof acknowledged) == sizeof acknowledged) {
        }
        ::close(ends[0]);
        ASSERT_EQ(exit_code_of(pid), 128 + SIGKILL);

        auto opened = open_sqlite_store(path);
        ASSERT_TRUE(opened) << opened.error().reason;
        auto& store = **opened;
        const auto revision = store.range("x").value().revision;
        // One more may be in: committed, but the process died before it could say so.
        ASSERT_GE(revision, acknowledged);
        ASSERT_LE(revision, acknowledged + 1);
        EXPECT_EQ(store.get("a").value()->value, std::to_string(revision));
        EXPECT_EQ(store.get("b").value()->value, std::to_string(revision));
        EXPECT_EQ(store.range("log/").value().entries.size(), static_cast<std::size_t>(revision));
        const auto after = std::max<std::int64_t>(0, revision - 100);  // well within history
        EXPECT_EQ(store.changes("log/", after, 1000).value().size(),
                  static_cast<std::size_t>(revision - after));
        acknowledged = revision;
    }
    EXPECT_GT(acknowledged, 15);
}

// ---- damaged ------------------------------------------------------------------------------------

constexpr std::int64_t k_revisions = 60;
constexpr std::array k_files = {"moln.db", "moln.db-wal", "moln.db-revision"};

using Files = std::map<std::string, std::string>;

Files read_all(const std::string& directory) {
    Files files;
    for (const char* name : k_files) {
        std::ifstream in(directory + "/" + name, std::ios::binary);
        if (in) files[name] = std::string(std::istreambuf_iterator<char>(in), {});
    }
    return files;
}
void write_all(const std::string& directory, const Files& files) {
    for (const char* name : k_files) fs::remove(directory + "/" + name);
    for (const auto& [name, bytes] : files) {
        std::ofstream(directory + "/" + name, std::ios::binary) << bytes;
    }
}

// As a killed daemon leaves them: a part of the revisions in the file, a part in its log.
Files files_of_a_killed_store() {
    const TempDir dir;
    const auto path = dir.path() + "/moln.db";
    const auto commit_to = [&](std::int64_t last) {
        auto store = open_sqlite_store(path).value();
        for (auto i = store->range("x").value().revision + 1; i <= last; ++i) {
            if (!store->commit(numbered(i))) return 1;
        }
        if (last == k_revisions) ::_exit(0);
        return 0;  // closed: all is in the file
    };
    EXPECT_EQ(exit_code_of(fork_for([&] { return commit_to(k_revisions / 2); })), 0);
    EXPECT_EQ(exit_code_of(fork_for([&] { return commit_to(k_revisions); })), 0);
    return read_all(dir.path());
}

bool is_whole(Store& store) {
    const auto snapshot = store.range("");
    const auto changes = store.changes("", 0, 1000);
    if (!snapshot || !changes || snapshot->revision != k_revisions) return false;
    if (snapshot->entries.size() != k_revisions + 2 || changes->size() != k_revisions * 3) {
        return false;
    }
    for (std::int64_t i = 1; i <= k_revisions; ++i) {
        const auto txn = numbered(i);
        for (std::size_t w = 0; w < 3; ++w) {
            const auto& change = changes->at(static_cast<std::size_t>(i - 1) * 3 + w);
            if (change.revision != i || change.key != txn.writes[w].key ||
                change.value != txn.writes[w].value) {
                return false;
            }
        }
        const auto entry = store.get(txn.writes[1].key);
        if (!entry || !*entry || (*entry)->value != txn.writes[1].value) return false;
    }
    return true;
}

// One random damage to one of the two files that hold data.
void damage(Files& files, std::mt19937& random) {
    auto& bytes = files.at(k_files.at(random() % 2));
    const auto at = random() % bytes.size();
    switch (random() % 4) {
        case 0: bytes[at] = static_cast<char>(bytes[at] ^ (1 << random() % 8)); break;
        case 1: bytes.resize(at); break;
        case 2: {
            const auto end = std::min<std::size_t>(bytes.size(), at + 4096);
            std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                      bytes.begin() + static_cast<std::ptrdiff_t>(end), '\0');
            break;
        }
        default:
            for (std::size_t i = at; i < std::min(bytes.size(), at + 16); ++i) {
                bytes[i] = static_cast<char>(random());
            }
    }
}

TEST(StoreDamaged, files_give_an_error_or_the_right_data_and_are_left_as_they_are) {
    const auto good = files_of_a_killed_store();
    ASSERT_GT(good.at("moln.db-wal").size(), 10'000u);
    const TempDir dir;
    std::mt19937 random(7);  // NOLINT: a failure is repeated by its round
    int refused = 0;
    for (int round = 0; round < 400; ++round) {
        auto files = good;
        damage(files, random);
        write_all(dir.path(), files);
        auto opened = open_sqlite_store(dir.path() + "/moln.db");
        if (opened) {
            EXPECT_TRUE(is_whole(**opened)) << "round " << round;
            continue;
        }
        ++refused;
        const auto code = opened.error().code;
        EXPECT_TRUE(code == ErrorCode::corrupt || code == ErrorCode::invalid ||
                    code == ErrorCode::refused)
            << opened.error().reason;
        EXPECT_EQ(read_all(dir.path()), files)
            << "round " << round << ": " << opened.error().reason;
    }
    EXPECT_GT(refused, 200) << "most damage is not to unused bytes";
}

TEST(StoreDamaged, undamaged_files_of_a_killed_store_are_whole) {
    const TempDir dir;
    write_all(dir.path(), files_of_a_killed_store());
    EXPECT_TRUE(is_whole(*open_sqlite_store(dir.path() + "/moln.db").value()));
}

TEST(StoreDamaged, the_error_says_what_happened_that_nothing_changed_and_where_the_copy_is) {
    const TempDir dir;
    const auto path = dir.path() + "/moln.db";
    {
        auto store = open_sqlite_store(path).value();
        ASSERT_TRUE(store->commit(numbered(1)));
        ASSERT_TRUE(store->copy_to(path + ".copy-2"));
    }
    fs::resize_file(path, fs::file_size(path) / 2);
    const auto reason = open_sqlite_store(path).error().reason;
    for (const auto& part : {path, std::string("damaged"), std::string("Nothing was changed"),
                             path + ".copy-2", std::string("UTC")}) {
        EXPECT_NE(reason.find(part), std::string::npos) << reason;
    }
}

TEST(StoreDamaged, a_lost_revision_mark_is_no_damage) {
    const TempDir dir;
    auto files = files_of_a_killed_store();
    for (const auto* mark : {"", "revision garbage", "revision 00000000000000000099 0\n"}) {
        files["moln.db-revision"] = mark;
        write_all(dir.path(), files);
        EXPECT_TRUE(is_whole(*open_sqlite_store(dir.path() + "/moln.db").value())) << mark;
    }
}

// ---- full ---------------------------------------------------------------------------------------

// Fills a tiny file system of its own and makes room again. The mount is seen by nobody else and
// goes with the process. Returns the number of the step that failed, 0 if none.
int fill_and_free(const std::string& directory) {
    if (::unshare(CLONE_NEWNS) != 0) return 1;
    if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return 2;
    if (::mount("store_test", directory.c_str(), "tmpfs", 0, "size=512k") != 0) return 3;
    const auto path = directory + "/moln.db";
    auto store = open_sqlite_store(path).value();
    const auto ballast = directory + "/ballast";
    std::ofstream(ballast) << std::string(128 * 1024, 'x');
    std::int64_t number = 1;
    while (number < 10'000) {
        const auto committed = store->commit(numbered(number));
        if (!committed && committed.error().code != ErrorCode::full) return 4;
        if (!committed) break;
        ++number;
    }
    if (number < 2 || number == 10'000) return 5;
    // Reads go on, and what was acknowledged is there.
    if (store->range("log/").value().entries.size() != static_cast<std::size_t>(number - 1))
        return 6;
    fs::remove(ballast);
    if (store->commit(numbered(number)) != number) return 7;
    store.reset();
    auto again = open_sqlite_store(path);
    if (!again) return 8;
    if ((*again)->range("log/").value().entries.size() != static_cast<std::size_t>(number))
        return 9;
    return 0;
}

TEST(StoreOnAFullDisk, refuses_to_write_reads_on_and_writes_again_when_there_is_room) {
    const TempDir dir;
    EXPECT_EQ(exit_code_of(fork_for([&] { return fill_and_free(dir.path()); })), 0);
}

TEST(StoreOnAFullDisk, cannot_be_made_and_says_so) {
    const TempDir dir;
    const auto work = [&] {
        if (::unshare(CLONE_NEWNS) != 0) return 1;
        if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return 2;
        if (::mount("store_test", dir.path().c_str(), "tmpfs", 0, "size=8k") != 0) return 3;
        const auto opened = open_sqlite_store(dir.path() + "/moln.db");
        return !opened && opened.error().code == ErrorCode::full ? 0 : 4;
    };
    EXPECT_EQ(exit_code_of(fork_for(work)), 0);
}

}  // namespace
}  // namespace moln
