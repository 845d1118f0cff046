// The verbs of `moln`: names, help and examples. One table for --help, completion and docs/CLI.md.
// What options a verb takes stands beside its parsing, in parse.cc.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace moln::cli {

struct Verb {
    std::string_view name;  // "env set"
    std::string_view group;
    std::string_view summary;
    std::string_view about;     // a paragraph more, or ""
    std::string_view examples;  // one a line
};

const std::vector<Verb>& verbs();
const Verb* find_verb(std::string_view name);

}  // namespace moln::cli
