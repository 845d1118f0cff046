#include "drivers/sandbox/passwd.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "io/file/temp_dir_for_test.h"

namespace moln {
namespace {

class Passwd : public testing::Test {
protected:
    void SetUp() override {
        std::filesystem::create_directory(root_ + "/etc");
        write("/etc/passwd",
              "root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33:www:/var/www:/bin/sh\n"
              "broken\nhuge:x:70000:70000::/:/bin/sh\n");
        write("/etc/group", "root:x:0:\nwww-data:x:33:\nmail:x:8:www-data,other\n");
    }
    void write(const std::string& path, const std::string& text) {
        std::ofstream(root_ + path) << text;
    }

    const TempDir folder_;
    const std::string root_ = folder_.path();
};

TEST_F(Passwd, nobody_named_is_the_unprivileged_default) {
    const auto user = find_user_in(root_, "").value();
    EXPECT_EQ(user.uid, 1000);
    EXPECT_EQ(user.gid, 1000);
    EXPECT_EQ(user.home, "/home/app");
}

TEST_F(Passwd, a_name_brings_its_group_groups_and_home) {
    const auto user = find_user_in(root_, "www-data").value();
    EXPECT_EQ(user.uid, 33);
    EXPECT_EQ(user.gid, 33);
    EXPECT_EQ(user.groups, std::vector<std::int64_t>{8});
    EXPECT_EQ(user.home, "/var/www");
}

TEST_F(Passwd, numbers_need_no_entry) {
    const auto user = find_user_in(root_, "4711:8").value();
    EXPECT_EQ(user.uid, 4711);
    EXPECT_EQ(user.gid, 8);
    EXPECT_EQ(find_user_in(root_, "33:mail").value().gid, 8);
}

TEST_F(Passwd, who_is_not_in_the_image_is_invalid_and_named) {
    const auto user = find_user_in(root_, "postgres");
    ASSERT_FALSE(user);
    EXPECT_EQ(user.error().code, ErrorCode::invalid);
    EXPECT_NE(user.error().reason.find("postgres"), std::string::npos);
    EXPECT_FALSE(find_user_in(root_, "33:nogroup-here"));
}

TEST_F(Passwd, a_uid_outside_of_the_namespace_is_invalid) {
    EXPECT_TRUE(find_user_in(root_, "65535"));
    EXPECT_FALSE(find_user_in(root_, "65536"));
    EXPECT_FALSE(find_user_in(root_, "huge"));
    EXPECT_FALSE(find_user_in(root_, "-1"));
}

TEST_F(Passwd, a_pipe_in_place_of_the_file_holds_nobody_up) {
    std::filesystem::remove(root_ + "/etc/passwd");
    ASSERT_EQ(mkfifo((root_ + "/etc/passwd").c_str(), 0600), 0);
    EXPECT_EQ(find_user_in(root_, "1000").value().uid, 1000);
}

TEST_F(Passwd, a_link_out_of_the_image_leads_to_nothing_of_the_host) {
    std::filesystem::remove(root_ + "/etc/passwd");
    ASSERT_EQ(symlink("/../../../../../../etc/passwd", (root_ + "/etc/passwd").c_str()), 0);
    EXPECT_FALSE(find_user_in(root_, "daemon"));
}

}  // namespace
}  // namespace moln
