#include "io/host/files.h"

#include <filesystem>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/host/temp_dir_for_test.h"

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

TEST(WriteFileDurably, makes_and_replaces_with_the_mode_and_leaves_nothing_beside) {
    const TempDir dir;
    const auto path = dir.path() + "/file";
    const std::string bytes("one\0two", 7);
    ASSERT_TRUE(write_file_durably(path, bytes, 0640));
    EXPECT_EQ(read_file(path, 100).value(), bytes);
    EXPECT_EQ(mode_of(path), 0640u);
    ASSERT_TRUE(write_file_durably(path, "", 0600));
    EXPECT_EQ(read_file(path, 100).value(), "");
    EXPECT_EQ(mode_of(path), 0600u);
    EXPECT_EQ(files_in(dir.path()), 1u);
}

TEST(WriteFileDurably, a_failed_replacement_leaves_the_old_and_nothing_beside) {
    const TempDir dir;
    const auto path = dir.path() + "/taken";
    ASSERT_TRUE(make_dirs(path + "/by a directory"));
    const auto status = write_file_durably(path, "bytes", 0600);
    ASSERT_FALSE(status);
    EXPECT_NE(status.error().reason.find(path), std::string::npos);
    EXPECT_EQ(files_in(dir.path()), 1u);
    EXPECT_EQ(write_file_durably(dir.path() + "/no/file", "", 0600).error().code,
              ErrorCode::not_found);
}

TEST(ReadFile, takes_a_file_at_the_limit_and_refuses_one_byte_more) {
    const TempDir dir;
    const auto path = dir.path() + "/file";
    ASSERT_TRUE(write_file_durably(path, std::string(20'000, 'x'), 0600));
    EXPECT_EQ(read_file(path, 20'000).value().size(), 20'000u);
    EXPECT_EQ(read_file(path, 19'999).error().code, ErrorCode::refused);
    EXPECT_EQ(read_file(dir.path() + "/none", 1).error().code, ErrorCode::not_found);
    EXPECT_FALSE(read_file(dir.path(), 1)) << "a directory is no file";
}

TEST(MakeDirs, makes_what_is_missing_for_the_owner_alone) {
    const TempDir dir;
    ASSERT_EQ(::chmod(dir.path().c_str(), 0755), 0);
    ASSERT_TRUE(make_dirs(dir.path() + "/a/b/c"));
    EXPECT_EQ(mode_of(dir.path()), 0755u) << "what is there keeps its mode";
    EXPECT_EQ(mode_of(dir.path() + "/a"), 0700u);
    EXPECT_EQ(mode_of(dir.path() + "/a/b/c"), 0700u);
    EXPECT_TRUE(make_dirs(dir.path() + "/a/b/c"));
    ASSERT_TRUE(write_file_durably(dir.path() + "/file", "", 0600));
    EXPECT_FALSE(make_dirs(dir.path() + "/file/below"));
}

TEST(FreeSpace, is_told_for_a_directory_and_not_for_nothing) {
    const TempDir dir;
    EXPECT_GT(free_space(dir.path()).value().count, 0);
    EXPECT_EQ(free_space(dir.path() + "/none").error().code, ErrorCode::not_found);
}

TEST(LockFile, a_second_taker_learns_who_holds_it_and_gets_it_when_that_one_dies) {
    const TempDir dir;
    const auto path = dir.path() + "/lock";
    int to_parent[2];
    int to_child[2];
    ASSERT_EQ(::pipe(to_parent), 0);
    ASSERT_EQ(::pipe(to_child), 0);
    const auto pid = ::fork();
    if (pid == 0) {
        const auto lock = lock_file(path, "the test's lock");
        (void)!::write(to_parent[1], lock ? "y" : "n", 1);
        char byte = 0;
        (void)!::read(to_child[0], &byte, 1);
        ::_exit(0);
    }
    char byte = 0;
    ASSERT_EQ(::read(to_parent[0], &byte, 1), 1);
    EXPECT_EQ(byte, 'y');
    const auto refused = lock_file(path, "the test's lock");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::refused);
    EXPECT_EQ(refused.error().reason,
              "the test's lock is in use by process " + std::to_string(pid));
    ASSERT_EQ(::write(to_child[1], "x", 1), 1);
    ASSERT_EQ(::waitpid(pid, nullptr, 0), pid);
    EXPECT_TRUE(lock_file(path, "the test's lock"));
    EXPECT_TRUE(lock_file(path, "the test's lock")) << "given up with its owner";
    for (const int fd : {to_parent[0], to_parent[1], to_child[0], to_child[1]}) ::close(fd);
}

}  // namespace
}  // namespace moln
