// Golden listings: each file of golden/ is a source folder and what detection makes of it. Run
// with MOLN_REGENERATE=1 to write what it makes of them now, and read the difference.
#include "recipe/detect.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include <gtest/gtest.h>

namespace moln {
namespace {

std::string read_file(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

// "-- name --" begins a section; what stands before the first is the comment.
struct Golden {
    std::string input;  // all but the last section, as it was read
    std::string expected;
    SourceListing source;
    PlatformTools tools{
        .platform = "host",
        .programs = {"node", "npm", "python3", "ensurepip", "php", "ruby", "busybox"}};
};

void add_section(Golden& golden, const std::string& name, const std::string& text) {
    if (name == "tools") {
        golden.tools.programs.clear();
        std::istringstream words(text);
        for (std::string word; words >> word;) golden.tools.programs.insert(word);
    } else if (name == "expect") {
        golden.expected = text;
    } else if (!name.empty()) {
        golden.source.paths.insert(name);
        if (is_manifest(name)) golden.source.files[name] = text;
        const auto slash = name.find('/');
        if (slash != std::string::npos) golden.source.paths.insert(name.substr(0, slash + 1));
    }
}

Golden read_golden(const std::filesystem::path& path) {
    Golden golden;
    std::istringstream lines(read_file(path));
    std::string name;
    std::string text;
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with("-- ") && line.ends_with(" --")) {
            add_section(golden, name, text);
            name = line.substr(3, line.size() - 6);
            text.clear();
        } else {
            text += line + "\n";
        }
        if (name != "expect") golden.input += line + "\n";
    }
    add_section(golden, name, text);
    return golden;
}

// JSON with a member a line, so that differences can be read.
void pretty(std::ostream& out, const json::value& value, int indent) {
    const std::string pad(static_cast<std::size_t>(indent) * 2, ' ');
    if (value.is_object() && !value.get_object().empty()) {
        out << "{\n";
        bool first = true;
        for (const auto& [key, item] : value.get_object()) {
            out << (first ? "" : ",\n") << pad << "  " << json::serialize(key) << ": ";
            pretty(out, item, indent + 1);
            first = false;
        }
        out << "\n" << pad << "}";
    } else if (value.is_array() && !value.get_array().empty() &&
               value.get_array().front().is_object()) {
        out << "[\n";
        bool first = true;
        for (const auto& item : value.get_array()) {
            out << (first ? "" : ",\n") << pad << "  ";
            pretty(out, item, indent + 1);
            first = false;
        }
        out << "\n" << pad << "]";
    } else {
        out << json::serialize(value);
    }
}

std::string outcome(const Golden& golden) {
    const auto recipe = detect(golden.source, golden.tools);
    if (!recipe) {
        return std::string(word(recipe.error().code)) + ": " + recipe.error().reason + "\n";
    }
    std::ostringstream out;
    pretty(out, to_json(*recipe), 0);
    out << "\n";
    return out.str();
}

std::vector<std::string> golden_names() {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(MOLN_GOLDEN_DIR)) {
        names.push_back(entry.path().stem().string());
    }
    std::ranges::sort(names);
    return names;
}

class DetectGolden : public ::testing::TestWithParam<std::string> {};

TEST_P(DetectGolden, gives_what_is_written) {
    const auto path = std::filesystem::path(MOLN_GOLDEN_DIR) / (GetParam() + ".txt");
    const auto golden = read_golden(path);
    const auto made = outcome(golden);
    if (std::getenv("MOLN_REGENERATE") != nullptr) {
        std::ofstream(path, std::ios::binary) << golden.input << "-- expect --\n" << made;
        return;
    }
    EXPECT_EQ(made, golden.expected);
}

INSTANTIATE_TEST_SUITE_P(All, DetectGolden, ::testing::ValuesIn(golden_names()),
                         [](const auto& param) { return param.param; });

TEST(Detect, an_empty_folder_is_refused) {
    EXPECT_EQ(detect({}, {}).error().reason, "the folder is empty: there is nothing to deploy");
}

}  // namespace
}  // namespace moln
