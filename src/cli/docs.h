// docs/CLI.md from the table of verbs and the parser's tree; a test keeps it current.
#pragma once

#include <string>

namespace moln::cli {

std::string cli_markdown();

}  // namespace moln::cli
