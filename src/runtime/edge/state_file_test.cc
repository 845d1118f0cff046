#include "runtime/edge/state_file.h"

#include <fstream>

#include <gtest/gtest.h>
#include <unistd.h>

#include "io/file/temp_dir_for_test.h"

namespace moln::edge_loop {
namespace {

class StateFile : public testing::Test {
protected:
    const TempDir folder_;
    const std::string dir_ = folder_.path();
};

TEST_F(StateFile, what_was_saved_is_loaded) {
    EdgeSnapshot snapshot;
    snapshot.version = 7;
    snapshot.routes = {{"shop.example", "/", AppId("default/shop"), "web"}};
    ASSERT_TRUE(save_snapshot(*Folder::open(dir_), snapshot));
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
    ASSERT_TRUE(save_snapshot(*Folder::open(dir_), snapshot));
    std::ofstream(dir_ + "/snapshot.json.new") << "{\"vers";
    EXPECT_EQ((**load_snapshot(dir_)).version, 3);
    EXPECT_TRUE(save_snapshot(*Folder::open(dir_), snapshot));
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
