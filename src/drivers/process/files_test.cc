#include "drivers/process/files.h"

#include <filesystem>

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

namespace moln {
namespace {

class Files : public testing::Test {
protected:
    void SetUp() override {
        std::string path = std::filesystem::temp_directory_path() / "moln-files-XXXXXX";
        root_ = mkdtemp(path.data());
    }
    void TearDown() override { std::filesystem::remove_all(root_); }
    std::string root_;
};

TEST_F(Files, what_was_written_is_read_and_has_its_mode) {
    ASSERT_TRUE(write_file(root_ + "/a", "one", 0640));
    ASSERT_TRUE(write_file(root_ + "/a", "two", 0640));
    EXPECT_EQ(read_file(root_ + "/a").value(), "two");
    struct stat info{};
    ASSERT_EQ(stat((root_ + "/a").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777, 0640u);
}

TEST_F(Files, what_is_not_there_is_not_found_and_has_no_size) {
    EXPECT_EQ(read_file(root_ + "/none").error().code, ErrorCode::not_found);
    EXPECT_EQ(tree_size(root_ + "/none").files, 0);
    EXPECT_EQ(tree_size(root_ + "/none").bytes, Bytes{});
    EXPECT_TRUE(remove_tree(root_ + "/none"));
    EXPECT_TRUE(remove_file(root_ + "/none"));
}

TEST_F(Files, a_file_at_the_limit_is_read_and_one_past_it_refused) {
    ASSERT_TRUE(write_file(root_ + "/a", std::string(k_small_file_bytes_max, 'x'), 0600));
    EXPECT_TRUE(read_file(root_ + "/a"));
    ASSERT_TRUE(write_file(root_ + "/a", std::string(k_small_file_bytes_max + 1, 'x'), 0600));
    EXPECT_EQ(read_file(root_ + "/a").error().code, ErrorCode::refused);
}

TEST_F(Files, a_tree_is_sized_and_removed_and_links_are_not_followed) {
    ASSERT_TRUE(make_folders(root_ + "/keep", 0700));
    ASSERT_TRUE(write_file(root_ + "/keep/file", "x", 0600));
    ASSERT_TRUE(make_folders(root_ + "/tree/deep/er", 0700));
    ASSERT_TRUE(write_file(root_ + "/tree/deep/file", std::string(10'000, 'x'), 0600));
    std::filesystem::create_directory_symlink(root_ + "/keep", root_ + "/tree/link");
    EXPECT_EQ(tree_size(root_ + "/tree").files, 2);
    EXPECT_GE(tree_size(root_ + "/tree").bytes, Bytes{10'000});
    ASSERT_TRUE(remove_tree(root_ + "/tree"));
    EXPECT_FALSE(path_exists(root_ + "/tree"));
    EXPECT_TRUE(path_exists(root_ + "/keep/file"));
}

}  // namespace
}  // namespace moln
