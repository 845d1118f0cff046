#include "drivers/process/child.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include "drivers/process/output_lines.h"

namespace moln {
namespace {

TEST(RunChild, output_of_both_streams_and_the_exit_code_come_back) {
    auto result = run_child({.argv = {"sh", "-c", "echo out; echo err >&2; exit 3"}});
    ASSERT_TRUE(result) << result.error().reason;
    EXPECT_EQ(result->exit_code, 3);
    EXPECT_EQ(result->output, "out\nerr\n");
}

TEST(RunChild, the_environment_is_exactly_what_was_given) {
    auto result = run_child({.argv = {"env"}, .env = {"A=b c"}});
    ASSERT_TRUE(result) << result.error().reason;
    EXPECT_EQ(result->output.find("A=b c\nPATH="), 0u) << result->output;
    EXPECT_EQ(std::count(result->output.begin(), result->output.end(), '\n'), 2);
}

TEST(RunChild, inherits_no_descriptor_that_a_library_left_open) {
    const int left_open = ::dup(STDERR_FILENO);  // without close-on-exec
    auto result =
        run_child({.argv = {"sh", "-c", "test ! -e /proc/$$/fd/" + std::to_string(left_open)}});
    ::close(left_open);
    ASSERT_TRUE(result) << result.error().reason;
    EXPECT_EQ(result->exit_code, 0) << "descriptor " << left_open << " was inherited";
}

TEST(RunChild, a_missing_program_is_not_found) {
    auto result = run_child({.argv = {"no-such-program-here"}});
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::not_found);
    EXPECT_NE(result.error().reason.find("no-such-program-here is not installed"),
              std::string::npos);
}

TEST(RunChild, a_missing_directory_is_named) {
    auto result = run_child({.argv = {"true"}, .directory = "/no/such/folder"});
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::not_found);
    EXPECT_NE(result.error().reason.find("/no/such/folder"), std::string::npos);
}

TEST(RunChild, past_its_time_limit_it_is_killed_with_what_it_started) {
    auto result =
        run_child({.argv = {"sh", "-c", "sleep 1000 & wait"}, .time_limit = Milliseconds{100}});
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::timeout);
}

TEST(RunChild, cancelled_ends_it) {
    std::atomic<bool> cancelled = false;
    auto result = run_child({.argv = {"sh", "-c", "echo begun; exec sleep 1000"},
                             .line = [&](const std::string&) { cancelled = true; },
                             .cancelled = &cancelled});
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::refused);
    EXPECT_EQ(result.error().reason, "cancelled");
}

TEST(RunChild, a_process_left_behind_does_not_hold_the_caller) {
    auto result = run_child({.argv = {"sh", "-c", "sleep 5 & echo $!"}});
    ASSERT_TRUE(result) << result.error().reason;
    kill(std::stoi(result->output), SIGKILL);
}

TEST(RunChild, a_signal_is_128_and_its_number) {
    auto result = run_child({.argv = {"sh", "-c", "kill -9 $$"}});
    ASSERT_TRUE(result) << result.error().reason;
    EXPECT_EQ(result->exit_code, 137);
}

TEST(RunChild, only_the_last_64_kib_are_kept) {
    auto result = run_child({.argv = {"sh", "-c", "head -c 200000 /dev/zero; printf end"}});
    ASSERT_TRUE(result) << result.error().reason;
    EXPECT_EQ(result->output.size(), 64u * 1024);
    EXPECT_EQ(result->output.substr(result->output.size() - 3), "end");
}

TEST(RunChildOk, a_non_zero_exit_is_an_error_with_the_last_lines) {
    auto result = run_child_ok({.argv = {"sh", "-c", "echo one; echo two; exit 1"}});
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().reason, "sh ended with 1: one\ntwo");
}

std::vector<std::string> lines_of(const std::vector<std::string>& pieces) {
    std::vector<std::string> got;
    OutputLines lines([&](std::string line) { got.push_back(std::move(line)); }, 10);
    for (const auto& piece : pieces) lines.add(piece);
    lines.finish();
    return got;
}

TEST(OutputLines, lines_are_whole_however_the_bytes_come) {
    EXPECT_EQ(lines_of({"a", "b\nc", "\n\nd"}), (std::vector<std::string>{"ab", "c", "", "d"}));
}

TEST(OutputLines, a_line_at_the_limit_is_whole_and_one_past_it_is_cut) {
    const std::string full(k_output_line_bytes_max, 'x');
    EXPECT_EQ(lines_of({full + "\nb\n"}), (std::vector<std::string>{full, "b"}));
    EXPECT_EQ(lines_of({full, "y", "zz\nb\n"}), (std::vector<std::string>{full, "b"}));
}

}  // namespace
}  // namespace moln
