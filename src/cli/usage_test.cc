#include "cli/usage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/parse.h"

namespace moln::cli {
namespace {

using testing::HasSubstr;

std::string answer(const std::vector<std::string>& words) {
    const auto parsed = parse(words, "");
    return parsed ? "taken" : parsed.error().text;
}

TEST(Usage, a_verb_that_is_none_is_guessed) {
    EXPECT_EQ(answer({"deplyo"}),
              "moln: deplyo: there is no such verb; did you mean \"deploy\"? See `moln --help`\n");
    EXPECT_EQ(answer({"frobnicate"}),
              "moln: frobnicate: there is no such verb; see `moln --help`\n");
    EXPECT_EQ(answer({"route"}), "moln route: expected ls, add or rm; see `moln route --help`\n");
    EXPECT_EQ(answer({"--json", "route", "-a", "shop", "ad"}),
              "moln route: ad: there is no such verb; did you mean \"add\"? See "
              "`moln route --help`\n");
    EXPECT_EQ(answer({"edge", "frobnicate"}),
              "moln edge: frobnicate: there is no such verb, but status or upgrade; see "
              "`moln edge --help`\n");
}

TEST(Usage, help_of_verbs_with_verbs_is_help) {
    for (const auto& words : std::vector<std::vector<std::string>>{
             {"route", "--help"}, {"help", "route"}, {"edge", "-h"}}) {
        const auto parsed = parse(words, "");
        ASSERT_FALSE(parsed);
        EXPECT_EQ(parsed.error().exit_code, 0) << words.front();
    }
    for (const auto& words : std::vector<std::vector<std::string>>{
             {"help", "route", "ad"}, {"help", "rotue"}, {"rotue", "--help"}}) {
        const auto wrong = parse(words, "");
        ASSERT_FALSE(wrong);
        EXPECT_EQ(wrong.error().exit_code, 2);
        EXPECT_THAT(wrong.error().text, HasSubstr("there is no such verb; did you mean"));
    }
}

TEST(Usage, words_without_a_place_are_named_with_the_way_out) {
    EXPECT_EQ(answer({"ps", "shop"}),
              "moln ps: shop: there is no place for this word; an app is named by --app shop; see "
              "`moln ps --help`\n");
    EXPECT_EQ(answer({"cache", "purge", "--perfix", "a.test"}),
              "moln cache purge: --perfix: there is no such option; did you mean \"--prefix\"? See "
              "`moln cache purge --help`\n");
    EXPECT_EQ(answer({"ps", "--bogus=1"}),
              "moln ps: --bogus: there is no such option; see `moln ps --help`\n");
    EXPECT_EQ(answer({"secret", "set", "KEY", "-f", "key.txt"}),
              "moln secret set: -f: there is no such option; see `moln secret set --help`\n");
}

TEST(Usage, values_that_are_not_taken_are_told_with_those_that_are) {
    EXPECT_EQ(answer({"route", "add", "a.test", "--https", "always"}),
              "moln route add: --https: expected one of automatic, redirect, both, found "
              "\"always\"; see `moln route add --help`\n");
    EXPECT_EQ(answer({"top", "--interval", "0"}),
              "moln top: --interval: expected 1 to 60, found 0; see `moln top --help`\n");
    EXPECT_EQ(answer({"rollback", "1", "2"}),
              "moln rollback: RELEASE: expected at most 1, found 2; see `moln rollback --help`\n");
    EXPECT_EQ(answer({"cert", "rm"}),
              "moln cert rm: CERTIFICATE is required; see `moln cert rm --help`\n");
}

TEST(Usage, what_a_verb_does_is_told_in_lines_of_a_terminal) {
    EXPECT_EQ(wrapped("a bc d", 4), "a bc\nd");
    EXPECT_EQ(wrapped("a bc d", 3), "a\nbc\nd") << "a blank counts";
    EXPECT_EQ(wrapped("a longest b", 3), "a\nlongest\nb");
    EXPECT_EQ(wrapped("", 3), "");
    for (const auto* verb : {"add", "ls", "rm"}) {
        const auto help = parse({"route", verb, "--help"}, "").error().text;
        std::size_t begin = 0;
        for (std::size_t end = 0; (end = help.find('\n', begin)) != std::string::npos;) {
            EXPECT_LE(end - begin, 105) << help.substr(begin, end - begin);
            begin = end + 1;
        }
    }
}

TEST(Usage, the_version_is_told_by_option_and_verb) {
    for (const auto* word : {"--version", "version"}) {
        const auto parsed = parse({word}, "");
        ASSERT_FALSE(parsed);
        EXPECT_EQ(parsed.error().exit_code, 0);
        EXPECT_THAT(parsed.error().text, testing::MatchesRegex("moln [0-9.]+\n"));
    }
}

TEST(Usage, sentences_that_are_not_known_stay_as_they_are) {
    EXPECT_EQ(plain_words("--a excludes --b\n"), "--a excludes --b");
    EXPECT_EQ(plain_words("--a: anything"), "--a: anything");
    EXPECT_EQ(plain_words("The following argument was not expected: --typo"),
              "--typo: there is no such option");
    EXPECT_EQ(plain_words("The following argument was not expected: extra"),
              "extra: there is no place for this word");
}

}  // namespace
}  // namespace moln::cli
