// One language's part of detection: what each of them sees and gives. Inside recipe/ only.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "recipe/detect.h"

namespace moln::recipe_detail {

struct Finding {
    std::string detected;
    std::vector<BuildStep> steps;
    std::optional<SiteSpec> site;          // its files are all there is to serve
    std::vector<std::string> web_command;  // empty: no way to start it was found, see `advice`
    std::string advice;                    // what would tell how to start it
    std::map<std::string, std::string> env;
    std::string stop_signal = "SIGTERM";
    std::vector<std::string> warnings;
    std::vector<std::string> start_warnings;  // only if web_command is what runs
};

using Detector = Result<std::optional<Finding>> (*)(const SourceListing&, const PlatformTools&);

// Nothing: this is not a folder of that language.
Result<std::optional<Finding>> detect_node(const SourceListing&, const PlatformTools&);
Result<std::optional<Finding>> detect_python(const SourceListing&, const PlatformTools&);
Result<std::optional<Finding>> detect_php(const SourceListing&, const PlatformTools&);
Result<std::optional<Finding>> detect_ruby(const SourceListing&, const PlatformTools&);
Result<std::optional<Finding>> detect_static(const SourceListing&, const PlatformTools&);

// ErrorCode::refused naming the first of `programs` that the platform lacks and its package.
Status need(const PlatformTools& tools, std::string_view what,
            std::initializer_list<std::string_view> programs);

// A site of the files in `folder`: its 404.html, if it has one, is shown with a 404.
SiteSpec site_of(std::string_view folder);

// {"/bin/sh", "-c", "exec " + text}: for commands that need $PORT; exec, so that the program
// itself gets the stop signal.
std::vector<std::string> shell_exec(std::string_view text);

// The first of `names` that the listing has, "" if none.
std::string first_of(const SourceListing& source, std::initializer_list<std::string_view> names);

// Contents of a manifest, "" if it is not there.
std::string_view contents(const SourceListing& source, std::string_view path);

inline constexpr std::string_view k_path_default = "/usr/local/bin:/usr/bin:/bin";

}  // namespace moln::recipe_detail
