// From argv to an Invocation, and the tree of verbs and options as plain data for completion and
// docs. CLI11 stays inside.
#pragma once

#include <expected>
#include <string>
#include <vector>

#include "cli/invocation.h"

namespace moln::cli {

// What to print instead of running: help (exit code 0) or what is wrong with the words (2).
struct ParseEnd {
    int exit_code = 0;
    std::string text;
};

// `arguments` without the program's name. `data_dir_default`: of who says none; "": Invocation's.
std::expected<Invocation, ParseEnd> parse(const std::vector<std::string>& arguments,
                                          const std::string& data_dir_default);

struct OptionNode {
    std::vector<std::string> names;  // "--app", "-a"
    std::string value;               // "NAME"; empty for a flag
    std::string help;
};

struct CommandNode {
    std::string name;  // "env set"; empty: the global options
    std::vector<OptionNode> options;
    std::vector<std::string> arguments;  // "[DIR]"
};

// Every verb that takes options of this program, in the order of the table, global options first.
std::vector<CommandNode> command_tree();

}  // namespace moln::cli
