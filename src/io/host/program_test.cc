#include "io/host/program.h"

#include <csignal>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace moln {
namespace {

TEST(Program, another_file_is_another_program) {
    EXPECT_FALSE(runs_other_program(::getpid()));
    int ends[2];
    int input[2];
    ASSERT_EQ(::pipe(ends), 0);
    ASSERT_EQ(::pipe(input), 0);
    const pid_t same = ::fork();
    if (same == 0) ::_exit(::pause());
    EXPECT_FALSE(runs_other_program(same));
    const pid_t other = ::fork();
    if (other == 0) {
        ::dup2(input[0], 0);
        ::dup2(ends[1], 1);
        ::execl("/bin/cat", "cat", nullptr);
        ::_exit(127);
    }
    char byte = 'x';
    ASSERT_EQ(::write(input[1], &byte, 1), 1);
    ASSERT_EQ(::read(ends[0], &byte, 1), 1);  // it runs now
    EXPECT_TRUE(runs_other_program(other));
    for (const pid_t pid : {same, other}) {
        ::kill(pid, SIGKILL);
        ::waitpid(pid, nullptr, 0);
    }
    EXPECT_FALSE(runs_other_program(other)) << "nobody can tell";
    for (const int fd : {ends[0], ends[1], input[0], input[1]}) ::close(fd);
}

}  // namespace
}  // namespace moln
