// The CLI as a program, without the roles that need root: what cli_run_test.cc starts.
#include "cli/cli.h"

int main(int argc, char** argv) {
    return moln::run_cli(argc, argv);
}
