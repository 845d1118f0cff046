#include "cli/source_folder.h"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/ignore.h"
#include "io/file/temp_dir_for_test.h"

namespace moln::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
namespace fs = std::filesystem;

class SourceFolderTest : public ::testing::Test {
protected:
    SourceFolderTest() { fs::create_directory(root_); }
    void put(const std::string& path, const std::string& text = "x") {
        fs::create_directories(fs::path(root_ + "/" + path).parent_path());
        std::ofstream(root_ + "/" + path, std::ios::binary) << text;
    }
    std::vector<std::string> sent() {
        std::vector<std::string> paths;
        const auto folder = look_at_folder(root_);
        EXPECT_TRUE(folder) << folder.error().reason;
        if (folder) {
            for (const auto& entry : folder->entries) paths.push_back(entry.path);
        }
        return paths;
    }
    std::string archive() {
        std::string bytes;
        const auto folder = look_at_folder(root_);
        EXPECT_TRUE(write_archive(*folder, [&](std::string_view piece) -> Result<bool> {
            bytes += piece;
            return true;
        }));
        return bytes;
    }
    const TempDir folder_;  // what a test needs beside the root lies in it too
    std::string root_ = folder_ / "root";
};

TEST_F(SourceFolderTest, sends_all_but_what_is_made_again) {
    for (const auto* path :
         {"b.js", "a/x.py", ".git/HEAD", "node_modules/x/index.js", "a/__pycache__/x.pyc",
          ".venv/bin/python", "other/pyvenv.cfg", ".env", "a/.hidden"}) {
        put(path);
    }
    fs::create_directory(root_ + "/empty");
    EXPECT_THAT(sent(), ElementsAre(".env", "a", "a/.hidden", "a/x.py", "b.js", "empty"));
}

TEST_F(SourceFolderTest, ignore_files_leave_out_and_molnignore_has_the_last_word) {
    put(".gitignore", "*.log\ndist/\n!keep.log\n");
    put("sub/.gitignore", "/local\n");
    put(".molnignore", "!dist/\nsecret*\n");
    for (const auto* path : {"a.log", "keep.log", "dist/app.js", "sub/local", "sub/deep/local",
                             "local", "secret.txt"}) {
        put(path);
    }
    EXPECT_THAT(sent(),
                ElementsAre(".gitignore", ".molnignore", "dist", "dist/app.js", "keep.log", "local",
                            "sub", "sub/.gitignore", "sub/deep", "sub/deep/local"));
}

TEST_F(SourceFolderTest, the_same_folder_gives_the_same_bytes) {
    put("a/one", "1");
    put("b", "two");
    const auto first = archive();
    const auto before = std::exchange(root_, folder_ / "copy");
    fs::rename(before, root_);
    EXPECT_EQ(first, archive());
    EXPECT_EQ(first.size() % k_tar_block, 0u);
}

TEST_F(SourceFolderTest, the_archive_is_one_that_tar_reads) {
    const std::string longest(200, 'n');
    put("dir/" + longest, std::string(1000, 'q'));
    put("with\nnewline", "text");
    put("run.sh", "#!/bin/sh\n");
    ::chmod((root_ + "/run.sh").c_str(), 0700);
    fs::create_symlink("dir/" + longest, root_ + "/link");
    const auto tar = folder_ / "tar";
    std::ofstream(tar, std::ios::binary) << archive();
    const auto out = folder_ / "out";
    fs::create_directory(out);
    ASSERT_EQ(std::system(("tar -xf " + tar + " -C " + out).c_str()), 0);
    EXPECT_EQ(fs::file_size(out + "/dir/" + longest), 1000u);
    EXPECT_EQ(fs::file_size(out + "/with\nnewline"), 4u);
    EXPECT_EQ(fs::read_symlink(out + "/link"), "dir/" + longest);
    EXPECT_NE(fs::status(out + "/run.sh").permissions() & fs::perms::owner_exec, fs::perms::none);
    fs::remove_all(out);
    fs::remove(tar);
}

TEST_F(SourceFolderTest, links_out_of_the_folder_are_refused_by_name) {
    put("a/file");
    fs::create_symlink("../a/file", root_ + "/a/inside");
    EXPECT_THAT(sent(), ElementsAre("a", "a/file", "a/inside"));
    fs::create_symlink("../../etc/passwd", root_ + "/a/evil");
    const auto refused = look_at_folder(root_);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::invalid);
    EXPECT_THAT(refused.error().reason, HasSubstr("a/evil"));
    EXPECT_THAT(refused.error().reason, HasSubstr("../../etc/passwd"));
}

TEST_F(SourceFolderTest, the_limits_hold_at_and_one_past_them) {
    put("a", "12345");
    put("b", "12345");
    EXPECT_TRUE(look_at_folder(root_, {.entries_max = 2, .size_max = {10}}));
    const auto many = look_at_folder(root_, {.entries_max = 1, .size_max = {10}});
    ASSERT_FALSE(many);
    EXPECT_THAT(many.error().reason, HasSubstr(".molnignore"));
    EXPECT_FALSE(look_at_folder(root_, {.entries_max = 2, .size_max = {9}}));
}

TEST_F(SourceFolderTest, a_file_that_changes_meanwhile_is_told) {
    put("a", "12345");
    const auto folder = look_at_folder(root_);
    put("a", "1234");
    const auto write = [](std::string_view) -> Result<bool> { return true; };
    EXPECT_EQ(write_archive(*folder, write).error().code, ErrorCode::conflict);
    put("a", "123456");
    EXPECT_EQ(write_archive(*folder, write).error().code, ErrorCode::conflict);
}

TEST_F(SourceFolderTest, pipes_and_sockets_are_left_out_with_a_warning) {
    ASSERT_EQ(::mkfifo((root_ + "/pipe").c_str(), 0600), 0);
    const auto folder = look_at_folder(root_);
    ASSERT_TRUE(folder);
    EXPECT_TRUE(folder->entries.empty());
    EXPECT_THAT(folder->warnings, ElementsAre(HasSubstr("pipe")));
}

TEST_F(SourceFolderTest, what_is_no_folder_is_refused) {
    put("file");
    EXPECT_EQ(look_at_folder(root_ + "/none").error().code, ErrorCode::not_found);
    EXPECT_EQ(look_at_folder(root_ + "/file").error().code, ErrorCode::invalid);
}

TEST_F(SourceFolderTest, the_app_is_named_by_moln_toml_else_by_the_folder) {
    fs::create_directory(root_ + "/My Shop_2");
    EXPECT_EQ(app_of_folder(root_ + "/My Shop_2"), "my-shop-2");
    put("My Shop_2/moln.toml", "name = \"store\"\n");
    EXPECT_EQ(app_of_folder(root_ + "/My Shop_2"), "store");
    put("My Shop_2/moln.toml", "name = ");
    EXPECT_EQ(app_of_folder(root_ + "/My Shop_2"), "my-shop-2");
    fs::create_directory(root_ + "/123");
    EXPECT_EQ(app_of_folder(root_ + "/123").error().code, ErrorCode::invalid);
    EXPECT_EQ(name_from_words(std::string(50, 'a')), std::string(40, 'a'));
}

TEST(Links, stay_inside_or_do_not) {
    EXPECT_TRUE(link_stays_inside("a", "b"));
    EXPECT_TRUE(link_stays_inside("a/b/c", "../../x"));
    EXPECT_FALSE(link_stays_inside("a/b/c", "../../../x"));
    EXPECT_FALSE(link_stays_inside("a", ".."));
    EXPECT_FALSE(link_stays_inside("a", "/etc"));
    EXPECT_FALSE(link_stays_inside("a", ""));
    EXPECT_FALSE(link_stays_inside("a/b", "x/../../../y"));
}

TEST(Globs, match_as_in_gitignore) {
    const std::vector<std::tuple<std::string, std::string, bool>> cases = {
        {"*.log", "a.log", true},    {"*.log", "d/a.log", false}, {"**/*.log", "d/a.log", true},
        {"**/*.log", "a.log", true}, {"a/**", "a/b/c", true},     {"a/**", "a", false},
        {"a/**/b", "a/b", true},     {"a/**/b", "a/x/y/b", true}, {"a?c", "abc", true},
        {"a?c", "a/c", false},       {"[a-c]x", "bx", true},      {"[!a-c]x", "bx", false},
        {"[!a-c]x", "dx", true},     {"\\*x", "*x", true},        {"\\*x", "ax", false},
        {"[]]", "]", true},          {"[ab", "a", false},         {"a*b*c", "aXbYc", true},
    };
    for (const auto& [glob, path, fits] : cases) {
        EXPECT_EQ(glob_matches(glob, path), fits) << glob << " " << path;
    }
}

TEST(Globs, a_pattern_made_to_be_slow_is_not) {
    std::string glob;
    for (int i = 0; i < 30; ++i) glob += "*a";
    EXPECT_FALSE(glob_matches(glob + "b", std::string(1000, 'a')));
}

}  // namespace
}  // namespace moln::cli
