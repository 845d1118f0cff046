#include "drivers/image/build_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moln {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

TEST(BuildSettings, of_the_environment_only_places_are_inherited) {
    const auto settings =
        build_settings({.environment = {{"https_proxy", "http://proxy.example:3128"},
                                        {"NPM_CONFIG_REGISTRY", "https://npm.example/"},
                                        {"npm_config_@acme:registry", "https://acme.example/"},
                                        {"PIP_INDEX_URL", "https://pip.example/simple"},
                                        {"npm_config_//npm.example/:_authToken", "hunter2-npm"},
                                        {"AWS_SECRET_ACCESS_KEY", "hunter2-aws"},
                                        {"NO_PROXY", ""},
                                        {"npm_config_prefix", "/root"}}});
    EXPECT_THAT(settings.env,
                UnorderedElementsAre(Pair("https_proxy", "http://proxy.example:3128"),
                                     Pair("NPM_CONFIG_REGISTRY", "https://npm.example/"),
                                     Pair("npm_config_@acme:registry", "https://acme.example/"),
                                     Pair("PIP_INDEX_URL", "https://pip.example/simple")));
    EXPECT_THAT(settings.secrets, IsEmpty());
    EXPECT_THAT(settings.files, IsEmpty());
}

TEST(BuildSettings, the_file_wins_and_may_hold_anything) {
    const auto settings = build_settings({.environment = {{"PIP_INDEX_URL", "https://a/"}},
                                          .own = {{"PIP_INDEX_URL", "https://me:hunter2-pip@b/"},
                                                  {"NPM_TOKEN", "hunter2-npm"},
                                                  {"CARGO_HOME", "/cache/cargo"}}});
    EXPECT_EQ(settings.env.at("PIP_INDEX_URL"), "https://me:hunter2-pip@b/");
    EXPECT_EQ(settings.env.at("CARGO_HOME"), "/cache/cargo");
    EXPECT_THAT(settings.secrets, UnorderedElementsAre("hunter2-pip", "hunter2-npm"));
}

TEST(BuildSettings, files_are_given_by_name_without_paths_of_the_host) {
    const auto settings =
        build_settings({.npmrc = "registry = https://npm.example/\ncafile=/etc/our.pem\n"
                                 "//npm.example/:_authToken=${NPM_TOKEN}\n"
                                 "//old.example/:_authToken = \"hunter2-old\"\n",
                        .pip_conf = "[global]\nindex-url = https://u:hunter2-pip@pip.example/\n",
                        .certificates = "PEM"});
    EXPECT_EQ(settings.files.at("ca.crt"), "PEM");
    EXPECT_THAT(settings.files.at("npmrc"), HasSubstr("https://npm.example/"));
    EXPECT_THAT(settings.files.at("npmrc"), Not(HasSubstr("our.pem")));
    EXPECT_THAT(settings.files.at("npmrc"), HasSubstr("cafile=/run/moln-build/ca.crt"));
    EXPECT_EQ(settings.env.at("NPM_CONFIG_GLOBALCONFIG"), "/run/moln-build/npmrc");
    EXPECT_EQ(settings.env.at("PIP_CONFIG_FILE"), "/run/moln-build/pip.conf");
    EXPECT_EQ(settings.env.at("NODE_EXTRA_CA_CERTS"), "/run/moln-build/ca.crt");
    EXPECT_THAT(settings.secrets, UnorderedElementsAre("hunter2-old", "hunter2-pip"));
}

TEST(BuildSettings, a_proxy_on_loopback_is_told_of) {
    const auto settings = build_settings(
        {.environment = {{"HTTPS_PROXY", "http://127.0.0.1:3128"}, {"no_proxy", "127.0.0.1"}}});
    EXPECT_THAT(settings.warnings, ElementsAre(HasSubstr("HTTPS_PROXY leads to this machine")));
}

TEST(BuildSettings, secrets_are_blotted_out_the_longest_first) {
    EXPECT_EQ(without_secrets("a hunter2-long b hunter2 hunter2", {"hunter2-long", "hunter2"}),
              "a *** b *** ***");
    const auto settings = build_settings(
        {.own = {{"A_TOKEN", "hunter2"}, {"B_TOKEN", "hunter2-long"}, {"C_TOKEN", "tiny"}}});
    EXPECT_THAT(settings.secrets, ElementsAre("hunter2-long", "hunter2"));
}

TEST(BuildSettings, the_file_is_read_as_lines) {
    const auto parsed =
        parse_settings("# ours\n\n A = b c \nB=\"d\"\r\nnpm_config_//x/:_y=z=\n", "f");
    ASSERT_TRUE(parsed) << parsed.error().reason;
    EXPECT_THAT(*parsed, UnorderedElementsAre(Pair("A", "b c"), Pair("B", "d"),
                                              Pair("npm_config_//x/:_y", "z=")));
    const auto wrong = parse_settings("A=b\nhunter2\n", "build.env");
    ASSERT_FALSE(wrong);
    EXPECT_EQ(wrong.error().reason, "build.env:2: expected NAME=VALUE");
}

}  // namespace
}  // namespace moln
