// The command line: verbs to requests, answers to text. The roles `up`, `daemon` and `edge` are
// main's; they are listed here only for help.
#pragma once

namespace moln {

// Returns the exit code, see cli/exit_code.h.
int run_cli(int argc, char** argv);

}  // namespace moln
