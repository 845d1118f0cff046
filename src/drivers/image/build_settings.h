// How a build on this machine reaches package registries: proxies, mirrors, certificates and
// tokens, as the machine's owner has set them up. docs/BUILDS.md is the page for users.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace moln {

inline constexpr const char* k_settings_inside = "/run/moln-build";

// What there is on the machine, read but not judged.
struct HostSettings {
    std::map<std::string, std::string> environment;  // the daemon's
    std::map<std::string, std::string> own;          // of the file of build settings
    std::string npmrc;                               // npm's files for the whole machine, joined
    std::string pip_conf;
    std::string certificates;  // PEM: the machine's, then those that settings name besides
};

struct BuildSettings {
    std::map<std::string, std::string> env;    // of every build step; the step's own wins
    std::map<std::string, std::string> files;  // by name, in k_settings_inside
    std::vector<std::string> secrets;          // never to be shown, longest first
    std::vector<std::string> warnings;
};

// Pure. What is in `own` wins; of the environment only names of registries and proxies count.
BuildSettings build_settings(const HostSettings& host);

// Lines NAME=VALUE, as systemd reads them: blank lines and those of '#' or ';' are skipped, one
// pair of quotes around a value is dropped. ErrorCode::invalid names `file` and the line.
Result<std::map<std::string, std::string>> parse_settings(std::string_view text,
                                                          std::string_view file);

// `text` with "***" in the place of each secret.
std::string without_secrets(std::string text, const std::vector<std::string>& secrets);

// Read anew for each build, so that a changed token needs no restart. `file` may be missing. Of
// the machine's own files only those count that every user may read.
Result<HostSettings> read_host_settings(const std::string& file);

// Proxies and certificates of the daemon's environment, as "NAME=VALUE": for tools of the host
// that fetch images and packages.
std::vector<std::string> fetch_environment();

}  // namespace moln
