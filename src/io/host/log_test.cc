#include "io/host/log.h"

#include <gtest/gtest.h>

#include "base/secret.h"

namespace moln {
namespace {

static_assert(!std::is_constructible_v<LogValue, Secret>);

TEST(Log, logfmt_quotes_only_what_needs_it) {
    EXPECT_EQ(
        log_text(LogFormat::logfmt, "app.deployed",
                 {{"app", AppId("default/shop")},
                  {"release", 4},
                  {"held", true},
                  {"share", 0.5},
                  {"why", "two words"},
                  {"none", ""}}),
        R"(app.deployed app=default/shop release=4 held=true share=0.5 why="two words" none="")");
}

TEST(Log, a_value_can_never_begin_a_second_line_or_a_field_of_its_own) {
    EXPECT_EQ(log_text(LogFormat::logfmt, "e", {{"a", "x\ny=1"}, {"b", "q\"q"}, {"c", "d=e"}}),
              R"(e a="x\ny=1" b="q\"q" c="d=e")");
    EXPECT_EQ(log_text(LogFormat::json, "e", {{"a", "x\n\x01"}}), R"("event":"e","a":"x\n\u0001")");
}

TEST(Log, lines_below_the_level_are_not_written) {
    testing::internal::CaptureStderr();
    log_debug("test.quiet");
    log_info("test.loud", {{"n", 1}});
    log_failure("test.failed", {ErrorCode::full, "no space"}, {{"where", "disk"}});
    set_log(LogLevel::error, LogFormat::json);
    log_warning("test.quiet");
    log_error("test.json");
    set_log(LogLevel::info, LogFormat::logfmt);
    const auto text = testing::internal::GetCapturedStderr();
    EXPECT_EQ(text.find("test.quiet"), std::string::npos) << text;
    EXPECT_NE(text.find("Z info test.loud n=1\n"), std::string::npos) << text;
    EXPECT_NE(text.find("Z error test.failed where=disk error_code=full reason=\"no space\"\n"),
              std::string::npos)
        << text;
    EXPECT_NE(text.find("\"level\":\"error\",\"event\":\"test.json\"}\n"), std::string::npos)
        << text;
}

}  // namespace
}  // namespace moln
