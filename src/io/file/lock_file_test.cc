#include "io/file/lock_file.h"

#include <optional>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/file/temp_dir_for_test.h"

namespace moln {
namespace {

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

TEST(LockFile, a_shared_lock_is_held_until_both_have_let_go) {
    const TempDir dir;
    const auto path = dir.path() + "/lock";
    std::optional<FileLock> first;
    {
        auto taken = lock_file(path, "the test's lock");
        ASSERT_TRUE(taken);
        first.emplace(std::move(*taken));
    }
    auto second = share_lock(Fd(::dup(first->fd())), path);
    ASSERT_TRUE(second);
    first.reset();
    const auto refused = lock_file(path, "the test's lock");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().reason,
              "the test's lock is in use by process " + std::to_string(::getpid()));
    second = fail(ErrorCode::internal, "let go");
    EXPECT_TRUE(lock_file(path, "the test's lock"));
}

}  // namespace
}  // namespace moln
