// From a source folder to what is to be built and run: looks at names and at small manifest files,
// decides, and says why. Pure; the driver makes the listing and runs the steps.
//
// Precedence: moln.toml's commands, then the Procfile's, then what the language's own manifest
// says. The language still gives the build steps, unless moln.toml has [build] command.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/app_config.h"
#include "recipe/app_file.h"

namespace moln {

inline constexpr std::size_t k_manifest_bytes_max = 1u << 20;  // a larger one is not read

struct SourceListing {
    // Relative paths of the two top levels; folders end with "/".
    std::set<std::string> paths;
    // Contents of those that is_manifest() and named_files() name.
    std::map<std::string, std::string> files;

    bool has(std::string_view path) const { return paths.contains(std::string(path)); }
};

// True for the files whose contents detection wants to see.
bool is_manifest(std::string_view path);

// What the platform can run: its name for messages, and which of platform_programs() it has.
struct PlatformTools {
    std::string platform = "host";
    std::set<std::string> programs;

    bool has(std::string_view program) const { return programs.contains(std::string(program)); }
};

// A program that detection may need, and the Debian package that has it.
struct PlatformProgram {
    std::string_view name;  // "ensurepip" stands for Python's module of that name
    std::string_view package;
};
std::vector<PlatformProgram> platform_programs();

struct BuildStep {
    std::vector<std::string> argv;
    std::map<std::string, std::string> env;
    std::string why;  // "install the packages of package-lock.json"
    friend bool operator==(const BuildStep&, const BuildStep&) = default;
};
BOOST_DESCRIBE_STRUCT(BuildStep, (), (argv, env, why))

struct Recipe {
    std::string name;      // from moln.toml, "" if it has none
    std::string platform;  // from moln.toml, "" for the default one
    std::string detected;  // "Node.js (package.json), Procfile"
    std::vector<BuildStep> steps;
    AppConfig config;  // valid
    std::vector<std::string> warnings;
    friend bool operator==(const Recipe&, const Recipe&) = default;
};
BOOST_DESCRIBE_STRUCT(Recipe, (), (name, platform, detected, steps, config, warnings))

// The platform that moln.toml names, "" for none: to be known before its tools can be looked at.
Result<std::string> wanted_platform(const SourceListing& source);

// Files whose contents moln.toml wants, by what is listed already; none of one that cannot be read:
// detect() says what is wrong with it.
std::vector<std::string> named_files(const SourceListing& source);

// ErrorCode::invalid: the folder's own files are wrong, or nothing says how to start it.
// ErrorCode::refused: the platform lacks a program; the reason names the package.
Result<Recipe> detect(const SourceListing& source, const PlatformTools& tools);

}  // namespace moln
