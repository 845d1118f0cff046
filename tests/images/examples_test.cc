// Every example is built as a deploy builds it, started, and asked.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "build_bench.h"
#include "model/site.h"

namespace moln {
namespace {

using ::testing::HasSubstr;

struct Example {
    std::string folder;
    std::string detected;
    std::string answer;  // part of it
};

class Examples : public BuildBench, public ::testing::WithParamInterface<Example> {};

TEST_P(Examples, is_built_and_answers) {
    const auto& example = GetParam();
    const auto built = build(std::string(MOLN_EXAMPLES) + "/" + example.folder);
    ASSERT_TRUE(built) << built.error().reason;
    EXPECT_EQ(built->detected, example.detected);
    const auto answer = ask(*built, "/");
    ASSERT_TRUE(answer) << answer.error().reason;
    EXPECT_THAT(*answer, HasSubstr(example.answer));
}

INSTANTIATE_TEST_SUITE_P(
    All, Examples,
    ::testing::Values(Example{"hello-node", "Node.js (package.json)", "you asked for /"},
                      Example{"hello-python", "Python (app.py)", "you asked for /"},
                      Example{"hello-php", "PHP (index.php)", "you asked for /"},
                      Example{"chat-websocket", "Node.js (package.json)", "new WebSocket"},
                      Example{"notes-sqlite", "Python (app.py), moln.toml", "[]"},
                      Example{"worker", "Procfile, moln.toml", "0 waiting"}),
    [](const auto& param) {
        auto name = param.param.folder;
        std::ranges::replace(name, '-', '_');
        return name;
    });

using ExampleSite = BuildBench;

TEST_F(ExampleSite, hello_static_is_published_and_needs_no_process) {
    const auto built = build(std::string(MOLN_EXAMPLES) + "/hello-static");
    ASSERT_TRUE(built) << built.error().reason;
    EXPECT_EQ(built->detected, "static files (index.html)");
    EXPECT_TRUE(built->config.processes.empty());
    EXPECT_TRUE(is_site_name(site_among(built->image.layers)));
}

}  // namespace
}  // namespace moln
