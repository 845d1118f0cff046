#include "cli/docs.h"

#include <algorithm>

#include <fmt/format.h>

#include "cli/exit_code.h"
#include "cli/parse.h"
#include "cli/verbs.h"

namespace moln::cli {
namespace {

constexpr const char* k_preamble = R"(# The command line

Generated from `src/cli`; `moln VERB --help` says the same.

- **Which app.** `--app NAME`, else `name` in `./moln.toml`, else the name of the folder that the
  command is called in. The app is never a bare argument. Lists show all apps of the project, or one
  with `--app`. Verbs that change something wait until it is done, unless `--no-wait`.
- **Which daemon.** `--data DIR`, else `$MOLN_DATA`, else that of the node that runs on this
  machine, else `/var/lib/moln`; or `--socket PATH`.
- **Output.** Tables for people; `--json` prints what the API answers (see [API.md](API.md)),
  streams as one JSON object a line. Progress goes to standard error, `-q` leaves it out. Colours
  only on a terminal, and not with `NO_COLOR`.
- **Ctrl-C** leaves things as they are: an upload or a build is cancelled, a switch that has begun
  goes on, and the command says which.
- **What is sent by `deploy`.** All of the folder but `.git`, `.hg`, `.svn`, `node_modules`, `.venv`
  and other Python virtual environments, `__pycache__`, and what `.gitignore` files name.
  `.molnignore` has the same syntax and the last word: `!dist/` in it sends what .gitignore leaves
  out. Links that lead out of the folder are refused. The same folder gives the same bytes: sorted,
  owners and modes levelled, modification times kept in whole seconds.

)";

std::string option_row(const OptionNode& option) {
    std::string names;
    for (const auto& name : option.names) {
        if (!names.empty()) names += ", ";
        names += name;
    }
    if (!option.value.empty()) names += " " + option.value;
    return fmt::format("| `{}` | {} |\n", names, option.help);
}

std::string options_table(const CommandNode& node) {
    std::string rows;
    for (const auto& option : node.options) {
        if (std::ranges::count(option.names, "--help") == 0) rows += option_row(option);
    }
    return rows.empty() ? "" : "| option | |\n| --- | --- |\n" + rows + "\n";
}

}  // namespace

std::string cli_markdown() {
    const auto tree = command_tree();
    std::string text = k_preamble;
    text += "## Global options\n\n" + options_table(tree.front());
    text += fmt::format("## Exit codes\n\n```\n{}```\n\n", k_exit_codes_help);
    std::string_view group;
    for (const auto& verb : verbs()) {
        if (verb.group != group) {
            group = verb.group;
            text += fmt::format("## {}\n\n", group);
        }
        const auto node = std::ranges::find(tree, verb.name, &CommandNode::name);
        auto line = fmt::format("moln {}", verb.name);
        for (const auto& argument : node->arguments) line += " " + argument;
        text += fmt::format("### `{}`\n\n{}.", line, verb.summary);
        if (!verb.about.empty()) text += fmt::format(" {}", verb.about);
        text += "\n\n" + options_table(*node);
        if (!verb.examples.empty()) text += fmt::format("```sh\n{}\n```\n\n", verb.examples);
    }
    while (text.ends_with("\n\n")) text.pop_back();
    return text;
}

}  // namespace moln::cli
