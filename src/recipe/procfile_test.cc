#include "recipe/procfile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/limits.h"
#include "model/validate.h"

namespace moln {
namespace {

using ::testing::HasSubstr;

std::string reason(std::string_view text) {
    const auto entries = parse_procfile(text);
    return entries ? "" : entries.error().reason;
}

TEST(Procfile, names_commands_and_lines) {
    const auto entries = parse_procfile(
        "# two\n\nweb: node server.js --port $PORT\r\n"
        "worker :  python3 work.py : x  ");
    ASSERT_TRUE(entries);
    EXPECT_EQ(*entries, (std::vector<ProcfileEntry>{{"web", "node server.js --port $PORT", 3},
                                                    {"worker", "python3 work.py : x", 4}}));
}

TEST(Procfile, everything_wrong_is_told_with_its_line) {
    EXPECT_EQ(reason("web node\nWorker: x\nweb:\nok: true\nok: again"),
              "Procfile:1: expected \"name: command\", found \"web node\"\n"
              "Procfile:2: expected a name of lower-case letters, digits and dashes that begins "
              "with a letter (at most 40), found \"Worker\"\n"
              "Procfile:3: web: expected a command, found none\n"
              "Procfile:5: expected each process once, found \"ok\" again");
}

TEST(Procfile, an_empty_one_is_refused) {
    EXPECT_THAT(reason(""), HasSubstr("expected a line such as"));
    EXPECT_THAT(reason("\n# nothing\n"), HasSubstr("expected a line such as"));
}

TEST(Procfile, nul_bytes_are_refused) {
    EXPECT_THAT(reason(std::string("web: a\0b", 8)), HasSubstr("Procfile:1: expected text"));
}

TEST(Procfile, size_at_the_limit_and_one_past) {
    std::string text = "web: x\n#";
    text.resize(k_app_file_bytes_max, 'x');
    EXPECT_EQ(reason(text), "");
    EXPECT_THAT(reason(text + "x"), HasSubstr("expected at most 262144 bytes, found 262145"));
}

TEST(Procfile, command_at_the_limit_and_one_past) {
    const std::string command(k_command_bytes_max, 'x');
    EXPECT_EQ(reason("web: " + command), "");
    EXPECT_THAT(reason("web: " + command + "x"), HasSubstr("at most 32768 bytes, found 32769"));
}

TEST(Procfile, no_more_problems_than_the_limit_are_told) {
    std::string text;
    for (std::size_t i = 0; i < k_problems_max + 5; ++i) text += "no colon\n";
    const auto told = reason(text);
    EXPECT_EQ(std::ranges::count(told, '\n') + 1, static_cast<long>(k_problems_max));
}

}  // namespace
}  // namespace moln
