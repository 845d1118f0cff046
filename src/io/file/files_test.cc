#include "io/file/files.h"

#include <filesystem>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "io/file/temp_dir_for_test.h"
#include "io/file/tree.h"

namespace moln {
namespace {

namespace fs = std::filesystem;

unsigned mode_of(const std::string& path) {
    struct stat info{};
    EXPECT_EQ(::stat(path.c_str(), &info), 0) << path;
    return info.st_mode & 07777u;
}

std::size_t files_in(const std::string& path) {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(path), fs::directory_iterator()));
}

class Files : public testing::Test {
protected:
    const TempDir dir_;
    const std::string root_ = dir_.path();
};

TEST_F(Files, are_made_and_replaced_with_the_mode_and_nothing_is_left_beside) {
    const std::string bytes("one\0two", 7);
    for (const auto durability : {Durability::durable, Durability::synced, Durability::unsynced}) {
        ASSERT_TRUE(write_file(root_ + "/a", bytes, 0640, durability));
        EXPECT_EQ(read_file(root_ + "/a", 100).value(), bytes);
        EXPECT_EQ(mode_of(root_ + "/a"), 0640u);
        ASSERT_TRUE(write_file(root_ + "/a", "", 0600, durability));
        EXPECT_EQ(read_file(root_ + "/a", 0).value(), "");
        EXPECT_EQ(mode_of(root_ + "/a"), 0600u);
        EXPECT_EQ(files_in(root_), 1u);
    }
}

TEST_F(Files, a_failed_replacement_leaves_the_old_and_nothing_beside) {
    const auto path = root_ + "/taken";
    ASSERT_TRUE(make_folders(path + "/by a folder", 0700));
    const auto status = write_file(path, "bytes", 0600);
    ASSERT_FALSE(status);
    EXPECT_NE(status.error().reason.find(path), std::string::npos);
    EXPECT_EQ(files_in(root_), 1u);
    EXPECT_EQ(write_file(root_ + "/no/file", "", 0600).error().code, ErrorCode::not_found);
}

TEST_F(Files, what_was_left_of_a_cut_short_write_is_no_obstacle) {
    ASSERT_TRUE(write_file(root_ + "/a.new", "half", 0400));
    ASSERT_TRUE(write_file(root_ + "/a", "whole", 0600));
    EXPECT_EQ(read_file(root_ + "/a").value(), "whole");
    EXPECT_EQ(files_in(root_), 1u);
}

TEST_F(Files, what_is_not_there_is_not_found_and_has_no_size) {
    EXPECT_EQ(read_file(root_ + "/none").error().code, ErrorCode::not_found);
    EXPECT_EQ(tree_size(root_ + "/none").files, 0);
    EXPECT_EQ(tree_size(root_ + "/none").bytes, Bytes{});
    EXPECT_TRUE(remove_tree(root_ + "/none"));
    EXPECT_TRUE(remove_file(root_ + "/none"));
    EXPECT_FALSE(read_file(root_)) << "a folder is no file";
}

TEST_F(Files, one_at_the_limit_is_read_and_one_past_it_refused) {
    ASSERT_TRUE(write_file(root_ + "/a", std::string(20'000, 'x'), 0600));
    EXPECT_EQ(read_file(root_ + "/a", 20'000).value().size(), 20'000u);
    EXPECT_EQ(read_file(root_ + "/a", 19'999).error().code, ErrorCode::refused);
    ASSERT_TRUE(write_file(root_ + "/a", std::string(k_small_file_bytes_max, 'x'), 0600));
    EXPECT_TRUE(read_file(root_ + "/a"));
    ASSERT_TRUE(write_file(root_ + "/a", std::string(k_small_file_bytes_max + 1, 'x'), 0600));
    EXPECT_EQ(read_file(root_ + "/a").error().code, ErrorCode::refused);
}

TEST_F(Files, folders_are_made_where_they_are_missing_and_left_where_they_are_not) {
    ASSERT_EQ(::chmod(root_.c_str(), 0755), 0);
    ASSERT_TRUE(make_folders(root_ + "/a/b/c", 0700));
    EXPECT_EQ(mode_of(root_), 0755u) << "what is there keeps its mode";
    EXPECT_EQ(mode_of(root_ + "/a"), 0700u);
    EXPECT_EQ(mode_of(root_ + "/a/b/c"), 0700u);
    EXPECT_TRUE(make_folders(root_ + "/a/b/c", 0755));
    EXPECT_EQ(mode_of(root_ + "/a/b/c"), 0700u);
    ASSERT_TRUE(write_file(root_ + "/file", "", 0600));
    EXPECT_FALSE(make_folders(root_ + "/file/below", 0700));
    EXPECT_FALSE(make_folders(root_ + "/file", 0700)) << "a file is no folder";
    EXPECT_FALSE(make_folders("/proc/none", 0700)) << "nothing is made there";
    EXPECT_FALSE(make_folders("/proc/none/below", 0700));
}

TEST_F(Files, a_tree_is_sized_and_removed_and_links_are_not_followed) {
    ASSERT_TRUE(make_folders(root_ + "/keep", 0700));
    ASSERT_TRUE(write_file(root_ + "/keep/file", "x", 0600));
    ASSERT_TRUE(make_folders(root_ + "/tree/deep/er", 0700));
    ASSERT_TRUE(write_file(root_ + "/tree/deep/file", std::string(10'000, 'x'), 0600));
    fs::create_directory_symlink(root_ + "/keep", root_ + "/tree/link");
    EXPECT_EQ(tree_size(root_ + "/tree").files, 2);
    EXPECT_GE(tree_size(root_ + "/tree").bytes, Bytes{10'000});
    ASSERT_TRUE(remove_tree(root_ + "/tree"));
    EXPECT_FALSE(path_exists(root_ + "/tree"));
    EXPECT_TRUE(path_exists(root_ + "/keep/file"));
}

TEST_F(Files, free_space_is_told_for_a_folder_and_not_for_nothing) {
    EXPECT_GT(free_space(root_).value().count, 0);
    EXPECT_EQ(free_space(root_ + "/none").error().code, ErrorCode::not_found);
}

}  // namespace
}  // namespace moln
