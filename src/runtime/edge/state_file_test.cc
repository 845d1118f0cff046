#include "runtime/edge/state_file.h"

#include <algorithm>
#include <fstream>

#include <gtest/gtest.h>
#include <unistd.h>

#include "edge/limits.h"
#include "io/file/temp_dir_for_test.h"

namespace moln::edge_loop {
namespace {

class StateFile : public testing::Test {
protected:
    const TempDir folder_;
    const std::string dir_ = folder_.path();
    const Folder open_ = *Folder::open(dir_);

    Status save(const EdgeSnapshot& snapshot) { return SnapshotFile(open_).save_whole(snapshot); }
    EdgeSnapshot loaded() const {
        const auto snapshot = load_snapshot(dir_);
        EXPECT_TRUE(snapshot && *snapshot);
        return **snapshot;
    }
    std::size_t bytes_of(const char* name) const {
        std::ifstream file(dir_ + "/" + name, std::ios::ate | std::ios::binary);
        return static_cast<std::size_t>(file.tellg());
    }
};

// Long enough for a journal.
EdgeSnapshot long_one() {
    EdgeSnapshot snapshot;
    snapshot.version = 1;
    for (std::size_t i = 0; i < edge::k_journal_from_bytes / 100; ++i) {
        EdgeRoute route;
        route.host = std::to_string(1'000'000 + i) + ".example";
        route.app = AppId("default/shop");
        snapshot.routes.push_back(route);
    }
    return snapshot;
}

void change(SnapshotFile& file, EdgeSnapshot& snapshot, std::string process) {
    auto next = snapshot;
    ++next.version;
    next.routes[7].process = std::move(process);
    file.add(file.note_of(diff(snapshot, next)));
    snapshot = std::move(next);
}

TEST_F(StateFile, what_was_saved_is_loaded) {
    EdgeSnapshot snapshot;
    snapshot.version = 7;
    snapshot.routes = {{"shop.example", "/", AppId("default/shop"), "web"}};
    ASSERT_TRUE(save(snapshot));
    const auto loaded = load_snapshot(dir_);
    ASSERT_TRUE(loaded && *loaded);
    EXPECT_EQ(**loaded, snapshot);
}

TEST_F(StateFile, nothing_saved_is_nothing) {
    const auto loaded = load_snapshot(dir_);
    ASSERT_TRUE(loaded);
    EXPECT_FALSE(*loaded);
}

TEST_F(StateFile, garbage_is_corrupt_and_a_newer_field_is_not) {
    std::ofstream(dir_ + "/snapshot.json") << "{\"version\": 1";
    EXPECT_EQ(load_snapshot(dir_).error().code, ErrorCode::corrupt);
    std::ofstream(dir_ + "/snapshot.json") << "{\"version\": 1, \"of_the_future\": []}";
    const auto loaded = load_snapshot(dir_);
    ASSERT_TRUE(loaded && *loaded);
    EXPECT_EQ((*loaded)->version, 1);
}

TEST_F(StateFile, a_half_written_successor_leaves_the_old_one) {
    EdgeSnapshot snapshot;
    snapshot.version = 3;
    ASSERT_TRUE(save(snapshot));
    std::ofstream(dir_ + "/snapshot.json.new") << "{\"vers";
    EXPECT_EQ((**load_snapshot(dir_)).version, 3);
    EXPECT_TRUE(save(snapshot));
}

TEST_F(StateFile, a_change_of_a_long_one_is_written_behind_it) {
    auto snapshot = long_one();
    SnapshotFile file(open_);
    ASSERT_TRUE(file.save_whole(snapshot));
    const auto whole = bytes_of("snapshot.json");
    ASSERT_GE(whole, edge::k_journal_from_bytes);
    change(file, snapshot, "web");
    change(file, snapshot, "api");
    ASSERT_TRUE(file.save(snapshot));
    EXPECT_EQ(bytes_of("snapshot.json"), whole);
    EXPECT_GT(bytes_of("snapshot.journal"), 0U);
    EXPECT_EQ(loaded(), snapshot);
    ASSERT_TRUE(file.settle(snapshot));
    EXPECT_EQ(bytes_of("snapshot.journal"), 0U);
    EXPECT_EQ(loaded(), snapshot);
    // Another process begins with a whole of its own: it knows no end of the journal.
    SnapshotFile next(open_);
    const auto note = next.note_of(diff(snapshot, snapshot));
    EXPECT_EQ(note, "");
    next.add(note);
    ASSERT_TRUE(next.save(snapshot));
    EXPECT_EQ(bytes_of("snapshot.journal"), 0U);
    EXPECT_EQ(loaded(), snapshot);
}

TEST_F(StateFile, a_journal_grows_as_long_as_the_snapshot_and_then_begins_anew) {
    auto snapshot = long_one();
    SnapshotFile file(open_);
    ASSERT_TRUE(file.save_whole(snapshot));
    const auto whole = bytes_of("snapshot.json");
    std::size_t longest = 0;
    bool begun_anew = false;
    for (int i = 0; i < 40 && !begun_anew; ++i) {
        change(file, snapshot, std::string(20'000, static_cast<char>('a' + i % 20)));
        ASSERT_TRUE(file.save(snapshot));
        const auto now = bytes_of("snapshot.journal");
        begun_anew = now < longest;
        longest = std::max(longest, now);
        EXPECT_EQ(loaded(), snapshot);
    }
    EXPECT_TRUE(begun_anew);
    EXPECT_LE(longest, whole);
}

TEST_F(StateFile, a_torn_journal_is_read_as_far_as_it_goes) {
    auto snapshot = long_one();
    SnapshotFile file(open_);
    ASSERT_TRUE(file.save_whole(snapshot));
    change(file, snapshot, "web");
    ASSERT_TRUE(file.save(snapshot));
    const auto good = snapshot;
    change(file, snapshot, "api");
    const auto before = bytes_of("snapshot.journal");
    ASSERT_TRUE(file.save(snapshot));
    ASSERT_EQ(truncate((dir_ + "/snapshot.journal").c_str(), static_cast<off_t>(before) + 9), 0);
    EXPECT_EQ(loaded(), good);
}

TEST_F(StateFile, a_folder_that_is_not_there_is_named) {
    const auto opened = Folder::open(dir_ + "/gone");
    ASSERT_FALSE(opened);
    EXPECT_NE(opened.error().reason.find(dir_ + "/gone"), std::string::npos);
}

TEST_F(StateFile, the_lock_is_for_one_and_names_its_holder) {
    {
        const auto held = lock_state(dir_);
        ASSERT_TRUE(held);
        const auto second = lock_state(dir_);
        ASSERT_FALSE(second);
        EXPECT_EQ(second.error().code, ErrorCode::refused);
        EXPECT_NE(second.error().reason.find(std::to_string(getpid())), std::string::npos);
    }
    EXPECT_TRUE(lock_state(dir_));
}

}  // namespace
}  // namespace moln::edge_loop
