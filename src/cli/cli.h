// The command line: verbs to requests, answers to text. The roles `up`, `daemon` and `edge` are
// main's; they are listed here only for help.
#pragma once

#include <string>

namespace moln {

// Returns the exit code, see cli/exit_code.h. `data_of_machine`: the data directory of the node
// that runs here, for who names none; "" if nobody knows of one.
int run_cli(int argc, char** argv, const std::string& data_of_machine = "");

}  // namespace moln
