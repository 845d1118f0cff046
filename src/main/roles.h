// The roles that the program's first word picks; every other word is the CLI's.
#pragma once

#include "main/node_options.h"

namespace moln {

// Exit codes of `moln daemon`, which `moln up` and service managers act on.
inline constexpr int k_exit_shut_down = 0;  // all is stopped, as asked
inline constexpr int k_exit_failed = 1;     // it may go better next time
inline constexpr int k_exit_cannot = 2;     // it will not start like this: the reason was said
inline constexpr int k_exit_left = 143;     // SIGTERM: instances and edge serve on

int run_up(const NodeOptions& options);
int run_daemon(const NodeOptions& options);
int run_edge_role(int argc, char** argv);

// Path of the running program.
std::string own_program();

}  // namespace moln
