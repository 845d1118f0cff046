// The CLI as a program, without the roles that need root: what cli_run_test.cc starts.
#include <csignal>

#include "cli/cli.h"
#include "cli/streams.h"

int main(int argc, char** argv) {
    moln::cli::hold_standard_streams();
    std::signal(SIGPIPE, SIG_IGN);
    return moln::run_cli(argc, argv);
}
