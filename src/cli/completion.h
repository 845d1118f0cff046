// Shell completion. The scripts are a few lines that ask `moln __complete WORDS… CURRENT`; what
// fits is decided here, from the same tree that parses, and names come from the daemon.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace moln::cli {

inline constexpr std::string_view k_complete_verb = "__complete";

// `shell` is bash, zsh or fish.
std::string completion_script(std::string_view shell);

enum class NameKind {
    apps,
    instances,
    processes,
    certificates,
    routes,  // that were added, as `route rm` takes them
    volumes,
    trash,
};
using Names = std::function<std::vector<std::string>(NameKind)>;

// What the last of `words` can become; the others are typed already. Pure but for `names`.
std::vector<std::string> complete(const std::vector<std::string>& words, const Names& names);

// Prints one a line. A daemon that does not answer completes no names, and says nothing.
int print_completions(const std::vector<std::string>& words, const std::string& data_dir);

}  // namespace moln::cli
