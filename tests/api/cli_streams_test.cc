// `moln` whose standard streams are full, closed, or lead to who has gone away.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "tests/api/cli_fixture.h"

namespace moln {
namespace {

using testing::HasSubstr;

struct CliStreams : Cli {
    // Another server takes the socket's place; what happens between the two is `meanwhile`.
    void restart_server(const std::function<void()>& meanwhile) {
        on_loop([&] {
            server_ = nullptr;
            service_ = nullptr;
            meanwhile();
            service_ = api::make_service(*control_, *loop_, {"0.1.0", loop_->now().mono});
            auto started = io::start_api_server(asio_context(*loop_), *loop_, *service_,
                                                {.unix_socket = socket()});
            ASSERT_TRUE(started);
            server_ = std::move(*started);
        });
    }
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

// The daemon ends in the middle and another takes its socket.
TEST_F(CliStreams, a_followed_log_goes_on_when_the_daemon_is_back) {
    const auto said = [](int end) {
        return LogLine{.at = {5},
                       .instance = InstanceId("web-shop"),
                       .process = "web",
                       .text = std::to_string(end),
                       .position = {InstanceId("web-shop"), {1, 2}, std::uint64_t(end)}};
    };
    on_loop([&] { control_->log_lines = {said(16)}; });
    auto following = start_moln({"logs", "--follow", "--app", "shop"});
    read_until(following, "16");
    restart_server([&] { control_->log_lines = {said(17)}; });
    const auto seen = read_until(following, "17");
    EXPECT_THAT(seen, HasSubstr("waiting until it is back"));
    EXPECT_THAT(seen, HasSubstr("goes on where it was"));
    on_loop([this] {
        EXPECT_EQ(control_->log_query.after.at(InstanceId("web-shop")).text(), "web-shop.1.2.10");
        EXPECT_GT(control_->log_query.since.ms, 0);
        EXPECT_EQ(control_->log_query.lines, 10'000);
    });
    ::kill(following.pid, SIGINT);
    EXPECT_EQ(finish(following).exit_code, 0);
}

TEST_F(CliStreams, followed_events_go_on_when_the_daemon_is_back) {
    const auto add_event = [this](std::int64_t number) {
        Event event{.number = number, .at = {number}, .name = "release.succeeded"};
        event.text = fmt::format("number {}.", number);
        control_->state.events[number] = event;
        control_->changed();
    };
    on_loop([&] { add_event(1); });
    auto following = start_moln({"events", "--follow"});
    read_until(following, "number 1.");
    restart_server([&] { add_event(2); });
    EXPECT_EQ(read_until(following, "number 2.").find("number 1."), std::string::npos);
    on_loop([&] { add_event(3); });
    EXPECT_EQ(read_until(following, "number 3.").find("number 2."), std::string::npos);
    ::kill(following.pid, SIGINT);
    EXPECT_EQ(finish(following).exit_code, 0);
}

TEST_F(CliStreams, logs_since_a_time_are_all_that_are_of_it) {
    EXPECT_EQ(moln({"logs", "--app", "shop", "--since", "1h"}).exit_code, 0);
    on_loop([&] {
        EXPECT_EQ(control_->log_query.lines, 10'000);
        EXPECT_GT(control_->log_query.since.ms, 0);
        EXPECT_TRUE(control_->log_query.after.empty());
    });
    const auto wrong = moln({"logs", "--app", "shop", "--since", "yesterday"});
    EXPECT_EQ(wrong.exit_code, 2);
    EXPECT_THAT(wrong.out, HasSubstr("--since: expected a duration"));
}

TEST_F(CliStreams, top_goes_on_when_the_daemon_is_back) {
    auto watching = start_moln({"top", "--interval", "1"});
    read_until(watching, "shop");
    restart_server([] {});
    read_until(watching, "goes on where it was");
    read_until(watching, "shop");
    ::kill(watching.pid, SIGTERM);
    EXPECT_EQ(finish(watching).exit_code, 0);
}

TEST_F(CliStreams, a_follow_that_waits_for_the_daemon_ends_when_its_reader_has_gone) {
    auto following = start_moln({"logs", "--follow", "--app", "shop"});
    ASSERT_TRUE(becomes([this] { return control_->log_followers == 1; }));
    on_loop([this] { server_ = nullptr; });
    read_until(following, "waiting until it is back");
    ::close(following.out);
    int status = 0;
    EXPECT_EQ(::waitpid(following.pid, &status, 0), following.pid);
    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(CliStreams, a_follow_that_never_began_is_a_failure) {
    on_loop([this] { server_ = nullptr; });
    for (const auto* verb : {"logs", "events"}) {
        const auto ran = moln({verb, "--follow"});
        EXPECT_EQ(ran.exit_code, 5);
        EXPECT_THAT(ran.out, HasSubstr("nobody listens on"));
    }
}

TEST_F(CliStreams, a_follow_ends_where_the_app_has_gone_with_the_daemon) {
    auto following = start_moln({"logs", "--follow", "--app", "shop"});
    ASSERT_TRUE(becomes([this] { return control_->log_followers == 1; }));
    restart_server([this] { control_->state.apps.clear(); });
    const auto ran = finish(following);
    EXPECT_EQ(ran.exit_code, 3);
    EXPECT_THAT(ran.out, HasSubstr("shop"));
}

}  // namespace
}  // namespace moln
