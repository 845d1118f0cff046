// `moln` whose standard streams are full, closed, or lead to who has gone away.
#include <gmock/gmock.h>

#include "tests/api/cli_fixture.h"

namespace moln {
namespace {

using testing::HasSubstr;

struct CliStreams : Cli {
    // By a shell, which puts `redirection` behind it. What is left of its output comes here.
    Ran redirected(const std::string& words, const std::string& redirection) {
        const auto command = std::string("exec ") + MOLN_CLI_PROGRAM + " --socket " + socket() +
                             " " + words + " " + redirection;
        std::array<int, 2> out{};
        EXPECT_EQ(::pipe2(out.data(), O_CLOEXEC), 0);
        const pid_t pid = ::fork();
        if (pid == 0) {
            ::dup2(out[1], STDOUT_FILENO);
            ::dup2(out[1], STDERR_FILENO);
            ::execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
            ::_exit(99);
        }
        ::close(out[1]);
        return finish({pid, out[0]});
    }
};

TEST_F(CliStreams, an_output_that_takes_nothing_is_a_failure) {
    for (const auto* words : {"ps", "apps --json", "metrics", "--help", "completion bash"}) {
        const auto full = redirected(words, "> /dev/full");
        EXPECT_EQ(full.exit_code, 1) << words;
        EXPECT_THAT(full.out, HasSubstr("standard output: No space left on device")) << words;
        EXPECT_EQ(redirected(words, ">&-").exit_code, 1) << words;
        EXPECT_EQ(redirected(words, "> /dev/null").exit_code, 0) << words;
    }
}

// Into the daemon's socket it would go, as that took the number of the stream.
TEST_F(CliStreams, a_closed_stream_does_not_become_another_file) {
    const auto listed = redirected("ps", "2>&- <&-");
    EXPECT_EQ(listed.exit_code, 0);
    EXPECT_THAT(listed.out, HasSubstr("web-shop"));
    const auto deployed = redirected("deploy " + folder_ + "/shop --no-wait", "2>&-");
    EXPECT_EQ(deployed.exit_code, 0);
    EXPECT_THAT(deployed.out, HasSubstr("release"));
}

TEST_F(CliStreams, an_error_that_nobody_hears_is_one_by_its_code) {
    for (const auto* redirection : {"2> /dev/full", "2>&-"}) {
        EXPECT_EQ(redirected("bogus", redirection).exit_code, 2);
        EXPECT_EQ(redirected("apps --app gone", redirection).exit_code, 3);
    }
}

TEST_F(CliStreams, json_is_all_that_a_program_gets_to_read) {
    const auto refused = redirected("rm --app shop --json", "2> /dev/null < /dev/null");
    EXPECT_EQ(refused.exit_code, 2);
    EXPECT_EQ(refused.out, "");
    EXPECT_THAT(redirected("rm --app shop --json", "< /dev/null").out,
                HasSubstr("This would happen"));
    EXPECT_EQ(redirected("metrics --json", "2> /dev/null").exit_code, 2);
    const auto password = moln({"password", "alice", "--json"}, "secret\n");
    EXPECT_THAT(password.out, HasSubstr(R"({"user":"alice:$y$)"));
}

TEST_F(CliStreams, users_of_an_editor_of_windows_are_taken) {
    auto line = moln({"password", "alice"}, "secret\n").out;
    line.pop_back();
    std::ofstream(folder_ + "/shop/users") << "# ours\r\n  " << line << " \r\n\r\n";
    EXPECT_EQ(moln({"route", "add", "a.test", "--users", "users"}).exit_code, 0);
    on_loop([&] {
        const auto& route = std::get<AddRouteCommand>(control_->commands.back()).route;
        EXPECT_EQ(route.auth->users, std::vector{line});
    });
}

TEST_F(CliStreams, a_follow_ends_when_its_reader_has_gone) {
    auto following = start_moln({"logs", "--follow", "--app", "shop"});
    ASSERT_TRUE(becomes([this] { return control_->log_followers == 1; }));
    ::close(following.out);
    on_loop([this] { control_->follow_log({.text = "nobody reads this"}); });
    int status = 0;
    EXPECT_EQ(::waitpid(following.pid, &status, 0), following.pid);
    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace moln
