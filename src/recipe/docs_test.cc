// docs/moln.toml.md is true: every TOML example in it is taken, and its errors are those told.
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

#include "recipe/app_file.h"

namespace moln {
namespace {

std::string document() {
    std::ifstream in(MOLN_DOCUMENT, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<std::string> blocks(std::string_view opening) {
    std::vector<std::string> out;
    const auto text = document();
    for (auto at = text.find(opening); at != std::string::npos; at = text.find(opening, at)) {
        at += opening.size();
        out.push_back(text.substr(at, text.find("\n```", at) - at + 1));
    }
    return out;
}

TEST(Document, every_example_is_taken) {
    const auto examples = blocks("```toml\n");
    EXPECT_GE(examples.size(), 5u);
    for (const auto& example : examples) {
        const auto file = parse_app_file(example);
        EXPECT_TRUE(file) << example << file.error().reason;
    }
    const auto whole = parse_app_file(examples.back());
    ASSERT_TRUE(whole);
    const auto config = apply_app_file(*whole, {});
    EXPECT_TRUE(config) << config.error().reason;
}

TEST(Document, its_errors_are_those_that_are_told) {
    const auto told = parse_app_file(
        "[process.web]\nmemroy = '1G'\nmemory = 'lots'\ncommand = 'x'\ninstances = 2\n"
        "[[route]]\nhost = 'Shop.org'\n\n\n\n\n[[volume]]\nname = 'data'\npath = '/data'\n");
    ASSERT_FALSE(told);
    EXPECT_NE(document().find("\n" + told.error().reason + "\n"), std::string::npos)
        << told.error().reason;
}

}  // namespace
}  // namespace moln
